import type { Backoff } from './backoff.ts';
import type { Clock } from './clock.ts';

/** What a worker holds while it works on a key; leaving the loop body by any path ends it. */
export interface WorkQueueOptions {
  readonly clock: Clock;
  readonly backoff: Backoff;
}

/**
 * Keys waiting for work, each at most once. A key added while it is being worked on runs once more afterwards;
 * no two workers ever hold the same key. Ends when disposed.
 *
 *     for await (const key of queue) await reconcile(key);
 */
export class WorkQueue<K extends string = string> implements AsyncDisposable {
  readonly #clock: Clock;
  readonly #backoff: Backoff;
  readonly #ready = new Set<K>();
  /** Where the next is: one that begins anew passes over all that were taken before. */
  #order = this.#ready.values();
  readonly #active = new Set<K>();
  readonly #again = new Set<K>();
  readonly #delayed = new Map<K, { at: number; timer: Disposable }>();
  readonly #waiters: (() => void)[] = [];
  #closed = false;

  constructor(options: WorkQueueOptions) {
    this.#clock = options.clock;
    this.#backoff = options.backoff;
  }

  /** Wants work on `key` as soon as a worker is free. */
  add(key: K): void {
    if (this.#closed) return;
    this.#cancelDelay(key);
    if (this.#active.has(key)) this.#again.add(key);
    else if (!this.#ready.has(key)) {
      this.#ready.add(key);
      this.#waiters.shift()?.();
    }
  }

  /** Wants work on `key` in `ms`; the earliest of several wishes counts. */
  addAfter(key: K, ms: number): void {
    if (this.#closed) return;
    if (ms <= 0) return this.add(key);
    const at = this.#clock.now() + ms;
    const known = this.#delayed.get(key);
    if (known && known.at <= at) return;
    known?.timer[Symbol.dispose]();
    const timer = this.#clock.schedule(ms, () => {
      this.#delayed.delete(key);
      this.add(key);
    });
    this.#delayed.set(key, { at, timer });
  }

  /** Wants work on `key` after its back-off, which grows with every call until {@link forget}. */
  addRateLimited(key: K): void {
    this.addAfter(key, this.#backoff.next(key));
  }

  forget(key: K): void {
    this.#backoff.forget(key);
  }

  /** Keys ready, held or waiting for their time. */
  get size(): number {
    return this.#ready.size + this.#active.size + this.#delayed.size;
  }

  /** No key is ready or held (delayed ones may wait). */
  get idle(): boolean {
    return this.#ready.size === 0 && this.#active.size === 0;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<K> {
    while (true) {
      const key = await this.#take();
      if (key === undefined) return;
      try {
        yield key;
      } finally {
        this.#done(key);
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    for (const { timer } of this.#delayed.values()) timer[Symbol.dispose]();
    this.#delayed.clear();
    this.#ready.clear();
    for (const wake of this.#waiters.splice(0)) wake();
  }

  async #take(): Promise<K | undefined> {
    while (!this.#closed) {
      const key = this.#next();
      if (key !== undefined) {
        this.#ready.delete(key);
        this.#active.add(key);
        return key;
      }
      await new Promise<void>((resolve) => this.#waiters.push(resolve));
    }
    return undefined;
  }

  /** The oldest key; an iterator that came to its end stays there. */
  #next(): K | undefined {
    const { value, done } = this.#order.next();
    if (!done) return value;
    this.#order = this.#ready.values();
    return this.#order.next().value;
  }

  #done(key: K): void {
    this.#active.delete(key);
    if (this.#again.delete(key)) this.add(key);
  }

  #cancelDelay(key: K): void {
    this.#delayed.get(key)?.timer[Symbol.dispose]();
    this.#delayed.delete(key);
  }
}
