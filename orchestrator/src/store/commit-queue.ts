import type { Change, KeySpace } from './key-space.ts';
import type { KeyValue, WriteRequest, WriteResult } from './store.ts';
import { StoreError } from './store-error.ts';

interface Waiting {
  readonly request: WriteRequest;
  readonly resolve: (result: WriteResult) => void;
  readonly reject: (error: unknown) => void;
}

export interface DurableChange extends Change {
  readonly createRevision: number;
  readonly expiresAt: number | undefined;
}

export interface CommitQueueOptions {
  readonly space: KeySpace;
  /** Resolves when all of `changes` are durable; rejects when none is. */
  readonly commit: (changes: readonly DurableChange[]) => Promise<void>;
  readonly now: () => number;
  readonly onApplied: (changes: readonly DurableChange[]) => void;
}

/** Bounds a commit, so that one slow disk write is not followed by an endless one. */
const maxBatch = 1000;

/**
 * Group commit: writes that arrive in one tick, or while a commit runs, are decided and committed together.
 * Comparisons see the writes before them in the batch; nobody else sees a write before it is durable.
 */
export class CommitQueue {
  readonly #options: CommitQueueOptions;
  #waiting: Waiting[] = [];
  #running: Promise<void> | undefined;
  #closed = false;

  constructor(options: CommitQueueOptions) {
    this.#options = options;
  }

  write(request: WriteRequest): Promise<WriteResult> {
    if (this.#closed) return Promise.reject(new StoreError('Closed', 'the store is closed'));
    return new Promise((resolve, reject) => {
      this.#waiting.push({ request, resolve, reject });
      this.#running ??= Promise.resolve().then(() => this.#run());
    });
  }

  /** Refuses new writes and waits for those accepted. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#running;
  }

  async #run(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, maxBatch);
      const { results, changes } = this.#decide(batch);
      try {
        if (changes.length > 0) await this.#options.commit(changes);
      } catch (error) {
        for (const { reject } of batch) reject(error);
        continue;
      }
      this.#options.onApplied(changes);
      this.#options.space.apply(changes);
      for (const [i, { resolve }] of batch.entries()) resolve(results[i] as WriteResult);
    }
    this.#running = undefined;
  }

  #decide(batch: readonly Waiting[]): { results: WriteResult[]; changes: DurableChange[] } {
    const { space, now } = this.#options;
    const pending = new Map<string, KeyValue | undefined>();
    const changes: DurableChange[] = [];
    let revision = space.revision;
    const results = batch.map(({ request }): WriteResult => {
      const { key, value, expected, ttlSeconds } = request;
      const current = pending.has(key) ? pending.get(key) : space.get(key);
      if (expected !== undefined && expected !== (current?.modRevision ?? 0)) return { ok: false, current };
      if (value === undefined && !current) return { ok: false, current };
      revision++;
      const createRevision = current?.createRevision ?? revision;
      const expiresAt = ttlSeconds === undefined || value === undefined ? undefined : now() + ttlSeconds * 1000;
      changes.push({ revision, key, value, createRevision, expiresAt });
      pending.set(key, value === undefined ? undefined : { key, value, createRevision, modRevision: revision });
      return { ok: true, revision };
    });
    return { results, changes };
  }
}
