import { badReply } from '../nfs-error.ts';
import { type NfsFile, type Stability, stability } from '../protocol/nfs-file.ts';
import { byteBlocks } from './byte-blocks.ts';

const writesAhead = 8;
/** What is kept to be sent again should the server lose it before the commit; two batches at most are alive. */
const batchBytes = 16 * 2 ** 20;

interface Block {
  readonly offset: number;
  readonly data: Uint8Array;
  /** The verifiers its writes came back with; none where all were stable at once. */
  readonly written: Promise<ReadonlySet<string>>;
}

/**
 * Writes all of `source` from `offset` on and resolves with its length once the server has it on stable storage.
 * Data goes out unstable and is committed batch by batch; what a restarted server lost in between is sent again.
 */
export async function writeStream(
  file: NfsFile,
  source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  options: { readonly offset: number; readonly chunkBytes: number; readonly signal: AbortSignal },
): Promise<number> {
  const stop = new AbortController();
  const writer = new StreamWriter(file, AbortSignal.any([options.signal, stop.signal]));
  let at = options.offset;
  try {
    let held: Uint8Array | undefined;
    for await (const data of byteBlocks(source, options.chunkBytes)) {
      if (held) at = await writer.add(at, held);
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
  readonly #signal: AbortSignal;
  readonly #running = new Set<Promise<unknown>>();
  #batch: Block[] = [];
  #batchBytes = 0;
  /** The first write that failed: nothing is sent after it. */
  #failure: { readonly error: unknown } | undefined;
  #committing: Promise<void> = Promise.resolve();

  constructor(file: NfsFile, signal: AbortSignal) {
    this.#file = file;
    this.#signal = signal;
  }

  /** Starts writing a block, as soon as few enough are under way, and answers the offset behind it. */
  async add(offset: number, data: Uint8Array): Promise<number> {
    while (this.#running.size >= writesAhead) await Promise.race(this.#running);
    this.#signal.throwIfAborted();
    if (this.#failure) throw this.#failure.error;
    const written = this.#write({ offset, data, stability: stability.unstable });
    const noted = written.catch((error: unknown) => {
      this.#failure ??= { error };
    });
    const running: Promise<unknown> = noted.finally(() => this.#running.delete(running));
    this.#running.add(running);
    this.#batch.push({ offset, data, written });
    this.#batchBytes += data.length;
    if (this.#batchBytes >= batchBytes) await this.#endBatch();
    return offset + data.length;
  }

  /** A stream of one block needs no commit. */
  async writeAlone(offset: number, data: Uint8Array): Promise<number> {
    const verifiers = await this.#write({ offset, data, stability: stability.fileSync });
    if (verifiers.size > 0) throw badReply('WRITE did not make stable what was asked to be');
    return data.length;
  }

  async finish(): Promise<void> {
    await this.#endBatch();
    await this.#committing;
  }

  async settled(): Promise<void> {
    await Promise.allSettled([...this.#running, this.#committing, ...this.#batch.map(({ written }) => written)]);
  }

  async #endBatch(): Promise<void> {
    const batch = this.#batch;
    await this.#committing;
    this.#batch = [];
    this.#batchBytes = 0;
    this.#committing = this.#commit(batch);
    this.#committing.catch(() => undefined);
  }

  async #commit(batch: readonly Block[]): Promise<void> {
    const results = await Promise.allSettled(batch.map(({ written }) => written));
    const failed = results.find((result) => result.status === 'rejected');
    if (failed) throw failed.reason;
    const verifiers = results.map((result) => (result as PromiseFulfilledResult<ReadonlySet<string>>).value);
    if (verifiers.every((set) => set.size === 0)) return;
    const committed = await this.#file.commit(this.#signal);
    for (const [index, block] of batch.entries()) {
      if (verifiers[index]!.values().every((verifier) => verifier === committed)) continue;
      await this.writeAlone(block.offset, block.data);
    }
  }

  async #write(block: {
    readonly offset: number;
    readonly data: Uint8Array;
    readonly stability: Stability;
  }): Promise<Set<string>> {
    const verifiers = new Set<string>();
    for (let done = 0; done < block.data.length; ) {
      const rest = { ...block, offset: block.offset + done, data: block.data.subarray(done) };
      const { bytes, committed, verifier } = await this.#file.write(rest, this.#signal);
      if (bytes === 0) throw badReply('WRITE wrote nothing and reports no error');
      if (committed === stability.unstable || committed < block.stability) verifiers.add(verifier);
      done += bytes;
    }
    return verifiers;
  }
}
