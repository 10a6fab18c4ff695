import type { Clock } from '@berth/kit';
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
  readonly clock: Clock;
  /** How long a write with a time to live (an Event) waits for others to share its commit; none when absent. */
  readonly patienceMs?: number;
  readonly onApplied: (changes: readonly DurableChange[]) => void;
}

/** Bounds a commit, so that one slow disk write is not followed by an endless one. */
const maxBatch = 1000;

/**
 * Group commit: writes that arrive in one tick, or while a commit runs, are decided and committed together.
 * Comparisons see the writes before them in the batch; nobody else sees a write before it is durable.
 * Events may wait a little for company: a commit of their own would make the write that comes next wait for the disk twice.
 */
export class CommitQueue {
  readonly #options: CommitQueueOptions;
  #waiting: Waiting[] = [];
  /** Somebody waits who has no patience, or has none left. */
  #isUrgent = false;
  #patience: Disposable | undefined;
  #running: Promise<void> | undefined;
  #closed = false;

  constructor(options: CommitQueueOptions) {
    this.#options = options;
  }

  write(request: WriteRequest): Promise<WriteResult> {
    if (this.#closed) return Promise.reject(new StoreError('Closed', 'the store is closed'));
    return new Promise((resolve, reject) => {
      this.#waiting.push({ request, resolve, reject });
      const { clock, patienceMs } = this.#options;
      if (request.ttlSeconds === undefined || patienceMs === undefined) this.#start();
      else this.#patience ??= clock.schedule(patienceMs, () => this.#start());
    });
  }

  /** Refuses new writes and waits for those accepted. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#start();
    await this.#running;
  }

  #start(): void {
    this.#isUrgent = true;
    this.#running ??= Promise.resolve().then(() => this.#run());
  }

  async #run(): Promise<void> {
    while (this.#isUrgent) {
      const batch = this.#takeBatch();
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

  /** Everybody who waits, in order: the patient ride with the others. */
  #takeBatch(): readonly Waiting[] {
    const batch = this.#waiting.splice(0, maxBatch);
    this.#isUrgent = this.#waiting.length > 0;
    if (!this.#isUrgent) {
      this.#patience?.[Symbol.dispose]();
      this.#patience = undefined;
    }
    return batch;
  }

  #decide(batch: readonly Waiting[]): { results: WriteResult[]; changes: DurableChange[] } {
    const { space, clock } = this.#options;
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
      const expiresAt = ttlSeconds === undefined || value === undefined ? undefined : clock.now() + ttlSeconds * 1000;
      changes.push({ revision, key, value, createRevision, expiresAt });
      pending.set(key, value === undefined ? undefined : { key, value, createRevision, modRevision: revision });
      return { ok: true, revision };
    });
    return { results, changes };
  }
}
