import { abortable } from '@berth/kit';
import { type NfsFile, stability, type WriteRequest, type WriteResult } from '@berth/nfs-client';

interface Kept {
  readonly offset: number;
  readonly data: Uint8Array;
  /** Of the server's life in which it took the data. */
  readonly verifier: string;
}

/** Bytes of a file on their way to the server. */
interface Piece {
  readonly offset: number;
  readonly data: Uint8Array;
  readonly by: Writer;
  /** Of who waits for the answer; absent for what was taken on trust. */
  readonly answer?: PromiseWithResolvers<void>;
}

interface Range {
  readonly offset: number;
  readonly length: number;
}

/** What of a file is needed here. */
export type WrittenFile = Pick<NfsFile, 'write' | 'commit'>;

/** Who writes: pieces of one are put together. `send` is not ended by who waits for it. */
export interface Writer {
  readonly chunkBytes: number;
  send(what: WriteRequest): Promise<WriteResult>;
}

/** Under way at a time, of one file: enough for a server some milliseconds away. What is behind them is put together. */
const most = { writes: 8, bytes: 8 << 20 } as const;

/**
 * One file's writes that its server does not have, or may still lose: kept here until a COMMIT confirms them. A server that
 * restarted gets them again, in their order, before anything newer. Writes of different places go side by side; one waits
 * for those before it that touch the same bytes.
 */
export class UnstableWrites {
  readonly #landed: () => void;
  readonly #waiting: Piece[] = [];
  readonly #flying = new Set<Range>();
  #pendingBytes = 0;
  #kept: Kept[] = [];
  #bytes = 0;
  #landing = Promise.withResolvers<void>();
  /** While writes are repeated no new ones may pass them. */
  #repairs = false;
  #last: Promise<void> = Promise.resolve();
  #behind: Promise<void> | undefined;
  #failures = 0;
  #lastFailure: unknown;

  /** `landed` hears of each write that is answered, and of each failure. */
  constructor(landed: () => void = () => undefined) {
    this.#landed = landed;
  }

  /** All that is held here. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Whether the server has yet to answer something. */
  get isPending(): boolean {
    return this.#pendingBytes > 0;
  }

  /** How many writes taken on trust came to nothing. */
  get failures(): number {
    return this.#failures;
  }

  /** What the last of them met. */
  get lastFailure(): unknown {
    return this.#lastFailure;
  }

  /** Takes data to be written, as soon as little enough is under way. What becomes of it is told by `failures`. */
  async accept(by: Writer, { offset, data }: Omit<WriteRequest, 'stability'>, signal: AbortSignal): Promise<void> {
    while (this.#pendingBytes > 0 && this.#pendingBytes + data.length > most.bytes)
      await abortable(this.#landing.promise, signal);
    this.#add({ offset, data, by });
  }

  /** Writes all of the data. @throws NfsError; what was written before then stays so. */
  async write(by: Writer, { offset, data }: Omit<WriteRequest, 'stability'>, signal: AbortSignal): Promise<void> {
    const answer = Promise.withResolvers<void>();
    answer.promise.catch(() => undefined);
    this.#add({ offset, data, by, answer });
    await abortable(answer.promise, signal);
  }

  /** Resolves when the server has answered everything, or all within a range. */
  async drain(signal: AbortSignal, range?: Range): Promise<void> {
    while (this.#isPendingIn(range)) await abortable(this.#landing.promise, signal);
  }

  /** Resolves when everything written before is on the server's disk. What it refuses for good is dropped. */
  commit(file: WrittenFile, signal: AbortSignal): Promise<void> {
    return this.#inTurn(async () => {
      await this.drain(signal);
      await this.#commit(file, signal);
    }, signal);
  }

  /** The same for what the server has answered so far; one at a time. A failure is one of `failures`. */
  commitBehind(file: WrittenFile, signal: AbortSignal): Promise<void> {
    this.#behind ??= this.#inTurn(() => this.#commit(file, signal), signal)
      .catch((error: unknown) => {
        this.#failed(error);
        this.#landed();
      })
      .finally(() => {
        this.#behind = undefined;
      });
    return this.#behind;
  }

  #inTurn(run: () => Promise<void>, signal: AbortSignal): Promise<void> {
    const next = this.#last.then(run, run);
    this.#last = next.catch(() => undefined);
    return abortable(next, signal);
  }

  #add(piece: Piece): void {
    this.#waiting.push(piece);
    this.#bytes += piece.data.length;
    this.#pendingBytes += piece.data.length;
    this.#launch();
  }

  #launch(): void {
    while (!this.#repairs && this.#flying.size < most.writes) {
      const first = this.#waiting[0];
      if (!first || this.#isFlying({ offset: first.offset, length: first.data.length })) return;
      const piece = this.#joined();
      const range = { offset: piece.offset, length: piece.data.length };
      this.#flying.add(range);
      void this.#fly(piece).finally(() => this.#land(range));
    }
  }

  /** The first piece that waits, and what goes on behind it: many small writes are one call. */
  #joined(): Piece {
    const first = this.#waiting.shift() as Piece;
    const parts = [first.data];
    let end = first.offset + first.data.length;
    while (!first.answer) {
      const next = this.#waiting[0];
      if (!next || next.answer || next.by !== first.by || next.offset !== end) break;
      if (end + next.data.length - first.offset > first.by.chunkBytes) break;
      // An older write of its bytes may arrive after it.
      if (this.#isFlying({ offset: end, length: next.data.length })) break;
      parts.push(next.data);
      end += next.data.length;
      this.#waiting.shift();
    }
    return parts.length === 1 ? first : { ...first, data: Buffer.concat(parts) };
  }

  async #fly({ offset, data, by, answer }: Piece): Promise<void> {
    let at = 0;
    try {
      while (at < data.length) {
        const part = data.subarray(at, at + by.chunkBytes);
        const result = await by.send({ offset: offset + at, data: part, stability: stability.unstable });
        this.#answered(result, { offset: offset + at, data: part });
        at += result.bytes;
      }
      answer?.resolve();
    } catch (error) {
      this.#bytes -= data.length - at;
      if (answer) answer.reject(error);
      else this.#failed(error);
    }
  }

  #land(range: Range): void {
    this.#flying.delete(range);
    this.#pendingBytes -= range.length;
    const { resolve } = this.#landing;
    this.#landing = Promise.withResolvers();
    this.#landed();
    this.#launch();
    resolve();
  }

  #failed(error: unknown): void {
    this.#failures += 1;
    this.#lastFailure = error;
  }

  #answered({ bytes, committed, verifier }: WriteResult, { offset, data }: Omit<WriteRequest, 'stability'>): void {
    // A server that takes nothing without an error would be asked for ever.
    if (bytes === 0) throw new Error('the server wrote nothing');
    // What is safe is kept too where older data below it is not: repeating that must not bring it back.
    if (committed === stability.unstable || this.#kept.length > 0)
      this.#kept.push({ offset, data: data.subarray(0, bytes), verifier });
    else this.#bytes -= bytes;
  }

  #isPendingIn(range: Range | undefined): boolean {
    if (!range) return this.isPending;
    const waiting = this.#waiting.some(({ offset, data }) => isOverlapping(range, { offset, length: data.length }));
    return waiting || this.#isFlying(range);
  }

  #isFlying(range: Range): boolean {
    return this.#flying.values().some((other) => isOverlapping(range, other));
  }

  async #commit(file: WrittenFile, signal: AbortSignal): Promise<void> {
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

  async #repeat(file: WrittenFile, signal: AbortSignal): Promise<void> {
    this.#repairs = true;
    try {
      while (this.#flying.size > 0) await abortable(this.#landing.promise, signal);
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
      this.#repairs = false;
      this.#launch();
    }
  }

  #drop(count: number): void {
    for (const { data } of this.#kept.splice(0, count)) this.#bytes -= data.length;
  }
}

function isOverlapping(a: Range, b: Range): boolean {
  return a.offset < b.offset + b.length && b.offset < a.offset + a.length;
}
