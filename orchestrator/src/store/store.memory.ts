import type { Clock } from '@berth/kit';
import { CommitQueue } from './commit-queue.ts';
import { Expiries } from './expiries.ts';
import { KeySpace } from './key-space.ts';
import type { KeyValue, RangeRequest, RangeResult, Store, StoreEvent, WriteRequest, WriteResult } from './store.ts';
import { StoreError } from './store-error.ts';

/** A Store that forgets everything at its end: for simulation and tests. Its whole history since compaction is in memory. */
export class MemoryStore implements Store {
  readonly #space = new KeySpace({ limits: { events: Number.POSITIVE_INFINITY, bytes: Number.POSITIVE_INFINITY } });
  readonly #expiries: Expiries;
  readonly #queue: CommitQueue;
  #closed = false;

  constructor(options: { readonly clock: Clock }) {
    this.#expiries = new Expiries(options.clock, (key) => {
      const expected = this.#space.get(key)?.modRevision ?? 0;
      void this.#queue.write({ key, expected }).catch(() => undefined);
    });
    this.#queue = new CommitQueue({
      space: this.#space,
      commit: async () => undefined,
      clock: options.clock,
      onApplied: (changes) => {
        for (const { key, expiresAt } of changes) this.#expiries.set(key, expiresAt);
      },
    });
  }

  get revision(): number {
    return this.#space.revision;
  }

  async get(key: string, notOlderThan = 0): Promise<KeyValue | undefined> {
    this.#checkOpen();
    if (notOlderThan > this.#space.revision) this.#space.checkReadable(notOlderThan);
    return this.#space.get(key);
  }

  mayHave(prefix: string): boolean {
    return this.#space.mayHave(prefix);
  }

  async range(request: RangeRequest): Promise<RangeResult> {
    this.#checkOpen();
    this.#space.checkReadable(request.revision ?? Math.max(request.notOlderThan ?? 0, this.#space.revision));
    return this.#space.range(request);
  }

  write(request: WriteRequest): Promise<WriteResult> {
    return this.#queue.write(request);
  }

  watch(prefix: string, after: number, signal: AbortSignal): AsyncIterable<readonly StoreEvent[]> {
    this.#checkOpen();
    return this.#space.watch(prefix, after, signal);
  }

  async compact(revision: number): Promise<void> {
    this.#checkOpen();
    this.#space.checkReadable(revision);
    this.#space.compact(revision);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    await this.#queue.close();
    this.#closed = true;
    this.#expiries[Symbol.dispose]();
    this.#space.close();
  }

  #checkOpen(): void {
    if (this.#closed) throw new StoreError('Closed', 'the store is closed');
  }
}
