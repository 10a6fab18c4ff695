import { abortable } from '@berth/kit';
import { type NfsFile, stability } from '@berth/nfs-client';

interface Kept {
  readonly offset: number;
  readonly data: Uint8Array;
  /** Of the server's life in which it took the data. */
  readonly verifier: string;
}

/**
 * One file's writes that its server may still lose: kept here until a COMMIT confirms them. A server that restarted
 * gets them again, in their order, before anything newer.
 */
export class UnstableWrites {
  #kept: Kept[] = [];
  #bytes = 0;
  #writing = 0;
  #drained: (() => void) | undefined;
  /** While writes are repeated no new ones may pass them. */
  #repair: Promise<void> | undefined;
  #last: Promise<void> = Promise.resolve();

  get bytes(): number {
    return this.#bytes;
  }

  /** Writes all of the data in calls of at most `chunkBytes`. @throws NfsError; what was written before then stays so. */
  async write(
    file: NfsFile,
    what: { readonly offset: number; readonly data: Uint8Array; readonly chunkBytes: number },
    signal: AbortSignal,
  ): Promise<void> {
    while (this.#repair) await abortable(this.#repair, signal);
    this.#writing += 1;
    try {
      for (let at = 0; at < what.data.length; ) {
        const data = what.data.subarray(at, at + what.chunkBytes);
        at += await this.#writeOnce(file, { offset: what.offset + at, data }, signal);
      }
    } finally {
      this.#writing -= 1;
      if (this.#writing === 0) this.#drained?.();
    }
  }

  /** Resolves when everything written before is on the server's disk. What it refuses for good is dropped. */
  commit(file: NfsFile, signal: AbortSignal): Promise<void> {
    const run = () => this.#commit(file, signal);
    const next = this.#last.then(run, run);
    this.#last = next.catch(() => undefined);
    return abortable(next, signal);
  }

  async #writeOnce(
    file: NfsFile,
    { offset, data }: { readonly offset: number; readonly data: Uint8Array },
    signal: AbortSignal,
  ): Promise<number> {
    const { bytes, committed, verifier } = await file.write({ offset, data, stability: stability.unstable }, signal);
    // A server that takes nothing without an error would be asked for ever.
    if (bytes === 0) throw new Error('the server wrote nothing');
    // What is safe is kept too where older data below it is not: repeating that must not bring it back.
    if (committed === stability.unstable || this.#kept.length > 0) {
      this.#kept.push({ offset, data: data.subarray(0, bytes), verifier });
      this.#bytes += bytes;
    }
    return bytes;
  }

  async #commit(file: NfsFile, signal: AbortSignal): Promise<void> {
    while (this.#kept.length > 0) {
      const count = this.#kept.length;
      let verifier: string;
      try {
        verifier = await file.commit(signal);
      } catch (error) {
        if (!signal.aborted) this.#drop(this.#kept.length);
        throw error;
      }
      if (this.#kept.slice(0, count).every((kept) => kept.verifier === verifier)) return this.#drop(count);
      await this.#repeat(file, signal);
    }
  }

  async #repeat(file: NfsFile, signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#repair = promise;
    try {
      if (this.#writing > 0) {
        const drained = Promise.withResolvers<void>();
        this.#drained = drained.resolve;
        await abortable(drained.promise, signal);
      }
      const again = this.#kept;
      const written: Kept[] = [];
      for (const { offset, data } of again) {
        for (let at = 0; at < data.length; ) {
          const rest = data.subarray(at);
          const result = await file.write({ offset: offset + at, data: rest, stability: stability.unstable }, signal);
          if (result.bytes === 0) throw new Error('the server wrote nothing');
          written.push({ offset: offset + at, data: rest.subarray(0, result.bytes), verifier: result.verifier });
          at += result.bytes;
        }
      }
      this.#kept = written;
    } finally {
      this.#drained = undefined;
      this.#repair = undefined;
      resolve();
    }
  }

  #drop(count: number): void {
    for (const { data } of this.#kept.splice(0, count)) this.#bytes -= data.length;
  }
}
