import { isZero } from '@berth/kit';
import { badReply } from '../nfs-error.ts';
import { type NfsFile, type Stability, stability } from '../protocol/nfs-file.ts';
import { byteBlocks } from './byte-blocks.ts';
import type { WriteMemory } from './write-memory.ts';

/** Under way at a time. More than a few megabytes gain nothing: a server writes to one file in one thread, and the others wait for it awake. */
const ahead = { bytes: 4 * 2 ** 20, leastWrites: 4, mostWrites: 32 } as const;
/** A COMMIT begins behind the writes when this part of what may be kept is answered; the rest is room for what is written meanwhile. */
const commitShare = 1 / 4;

export interface WriteStreamOptions {
  readonly offset: number;
  readonly chunkBytes: number;
  readonly memory: WriteMemory;
  readonly signal: AbortSignal;
  /** Of a file that has nothing yet: chunks of zeros alone are not written, but for the last. */
  readonly holes?: boolean;
}

interface Block {
  readonly offset: number;
  readonly data: Uint8Array;
}

interface WrittenBlock extends Block {
  /** What its writes came back with; none where all were stable at once. */
  readonly verifiers: ReadonlySet<string>;
}

/**
 * Writes all of `source` from `offset` on and resolves with its length once the server has it on stable storage.
 * Data goes out unstable and is committed behind, one COMMIT at a time, so that a slow disk is waited for seldom;
 * what a restarted server lost in between is sent again.
 */
export async function writeStream(
  file: NfsFile,
  source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  options: WriteStreamOptions,
): Promise<number> {
  const stop = new AbortController();
  const isHole = options.holes ? isZero : () => false;
  using _share = options.memory.enter();
  const writer = new StreamWriter(file, { ...options, signal: AbortSignal.any([options.signal, stop.signal]) });
  let at = options.offset;
  try {
    let held: Uint8Array | undefined;
    for await (const data of byteBlocks(source, options.chunkBytes)) {
      if (held) at = isHole(held) ? at + held.length : await writer.add(at, held);
      held = data;
    }
    if (held && at === options.offset) return await writer.writeAlone(at, held);
    if (held) at = await writer.add(at, held);
    await writer.finish();
    return at - options.offset;
  } finally {
    stop.abort();
    await writer.settled();
  }
}

class StreamWriter {
  readonly #file: NfsFile;
  readonly #options: WriteStreamOptions;
  readonly #mostWrites: number;
  readonly #running = new Set<Promise<void>>();
  /** Answered, and on no stable storage as far as anyone said. */
  #unstable: WrittenBlock[] = [];
  #unstableBytes = 0;
  /** Of everything that may have to be sent again. */
  #keptBytes = 0;
  #committing: Promise<void> | undefined;
  /** The first call that failed: nothing is sent after it. */
  #failure: { readonly error: unknown } | undefined;

  constructor(file: NfsFile, options: WriteStreamOptions) {
    this.#file = file;
    this.#options = options;
    const writes = Math.ceil(ahead.bytes / options.chunkBytes);
    this.#mostWrites = Math.min(ahead.mostWrites, Math.max(ahead.leastWrites, writes));
  }

  /** Starts writing a block, as soon as there is room for it, and answers the offset behind it. */
  async add(offset: number, data: Uint8Array): Promise<number> {
    while (!this.#failure && !this.#hasRoom(data.length)) await this.#next();
    this.#throwIfOver();
    this.#keptBytes += data.length;
    const running: Promise<void> = this.#write({ offset, data, stability: stability.unstable })
      .then((verifiers) => this.#answered({ offset, data, verifiers }))
      .catch((error: unknown) => this.#failed(error))
      .finally(() => this.#running.delete(running));
    this.#running.add(running);
    return offset + data.length;
  }

  /** A stream of one block needs no commit. */
  async writeAlone(offset: number, data: Uint8Array): Promise<number> {
    const verifiers = await this.#write({ offset, data, stability: stability.fileSync });
    if (verifiers.size > 0) throw badReply('WRITE did not make stable what was asked to be');
    return data.length;
  }

  /** The last COMMIT does not wait for the one under way: together they cost a disk one turn. */
  async finish(): Promise<void> {
    await Promise.all(this.#running);
    this.#throwIfOver();
    const last = this.#unstable.length > 0 ? this.#commit() : undefined;
    await Promise.all([last, this.#committing]);
    this.#throwIfOver();
  }

  async settled(): Promise<void> {
    await Promise.all(this.#running);
    await this.#committing;
  }

  #throwIfOver(): void {
    this.#options.signal.throwIfAborted();
    if (this.#failure) throw this.#failure.error;
  }

  #hasRoom(bytes: number): boolean {
    if (this.#running.size >= this.#mostWrites) return false;
    return this.#keptBytes === 0 || this.#keptBytes + bytes <= this.#options.memory.bytesEach;
  }

  /** Resolves when something under way is done; where that is nothing, a COMMIT makes room. */
  async #next(): Promise<void> {
    if (this.#running.size < this.#mostWrites) this.#commitBehind();
    const underWay = this.#committing ? [...this.#running, this.#committing] : [...this.#running];
    await Promise.race(underWay);
  }

  #answered(block: WrittenBlock): void {
    if (block.verifiers.size === 0) {
      this.#keptBytes -= block.data.length;
      return;
    }
    this.#unstable.push(block);
    this.#unstableBytes += block.data.length;
    this.#commitEnough();
  }

  #failed(error: unknown): void {
    this.#failure ??= { error };
  }

  #commitEnough(): void {
    if (this.#unstableBytes >= this.#options.memory.bytesEach * commitShare) this.#commitBehind();
  }

  #commitBehind(): void {
    if (this.#committing || this.#failure || this.#unstable.length === 0) return;
    this.#committing = this.#commit()
      .catch((error: unknown) => this.#failed(error))
      .finally(() => {
        this.#committing = undefined;
        this.#commitEnough();
      });
  }

  /** Commits what was answered by now; what is answered later may not be covered. */
  async #commit(): Promise<void> {
    const blocks = this.#unstable;
    this.#unstable = [];
    this.#unstableBytes = 0;
    const committed = await this.#file.commit(this.#options.signal);
    for (const { offset, data, verifiers } of blocks) {
      if (!verifiers.values().every((verifier) => verifier === committed)) await this.writeAlone(offset, data);
      this.#keptBytes -= data.length;
    }
  }

  async #write(block: Block & { readonly stability: Stability }): Promise<Set<string>> {
    const verifiers = new Set<string>();
    for (let done = 0; done < block.data.length; ) {
      const rest = { ...block, offset: block.offset + done, data: block.data.subarray(done) };
      const { bytes, committed, verifier } = await this.#file.write(rest, this.#options.signal);
      if (bytes === 0) throw badReply('WRITE wrote nothing and reports no error');
      if (committed === stability.unstable || committed < block.stability) verifiers.add(verifier);
      done += bytes;
    }
    return verifiers;
  }
}
