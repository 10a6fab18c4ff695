import type { Backoff } from './backoff.ts';
import type { Clock } from './clock.ts';

/** What a queue holds now. */
export interface QueueState {
  /** Keys that no worker has taken yet, those that were added while they are worked on included. */
  readonly depth: number;
  /** How long each key that is worked on has been. */
  heldMs(): readonly number[];
}

/** Hears what a queue does. */
export interface QueueObserver {
  /** Of several queues that were made under one name the last one is there. */
  made(queue: QueueState): void;
  /** Work is wanted on a key that did not wait for it. */
  added(): void;
  taken(waitedMs: number): void;
  done(workedMs: number): void;
  /** Work is wanted again later. */
  retried(): void;
}

export interface WorkQueueOptions {
  readonly clock: Clock;
  readonly backoff: Backoff;
  readonly observer?: QueueObserver | undefined;
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
  readonly #observer: QueueObserver | undefined;
  /** With the time since when they wait, or are held. */
  readonly #ready = new Map<K, number>();
  /** Where the next is: one that begins anew passes over all that were taken before. */
  #order = this.#ready.entries();
  readonly #active = new Map<K, number>();
  readonly #again = new Map<K, number>();
  readonly #delayed = new Map<K, { at: number; timer: Disposable }>();
  readonly #waiters: (() => void)[] = [];
  #closed = false;

  constructor(options: WorkQueueOptions) {
    this.#clock = options.clock;
    this.#backoff = options.backoff;
    this.#observer = options.observer;
    this.#observer?.made(this);
  }

  /** Wants work on `key` as soon as a worker is free. */
  add(key: K): void {
    if (this.#closed) return;
    this.#cancelDelay(key);
    if (this.#ready.has(key) || this.#again.has(key)) return;
    this.#observer?.added();
    const now = this.#clock.monotonicMs();
    if (this.#active.has(key)) this.#again.set(key, now);
    else this.#wait(key, now);
  }

  /** Wants work on `key` in `ms`; the earliest of several wishes counts. */
  addAfter(key: K, ms: number): void {
    if (this.#closed) return;
    this.#observer?.retried();
    if (ms <= 0) return this.add(key);
    const at = this.#clock.monotonicMs() + ms;
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

  get depth(): number {
    return this.#ready.size + this.#again.size;
  }

  heldMs(): readonly number[] {
    const now = this.#clock.monotonicMs();
    return [...this.#active.values()].map((since) => now - since);
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
    this.#again.clear();
    for (const wake of this.#waiters.splice(0)) wake();
  }

  async #take(): Promise<K | undefined> {
    while (!this.#closed) {
      const next = this.#next();
      if (next) {
        const [key, since] = next;
        const now = this.#clock.monotonicMs();
        this.#ready.delete(key);
        this.#active.set(key, now);
        this.#observer?.taken(now - since);
        return key;
      }
      await new Promise<void>((resolve) => this.#waiters.push(resolve));
    }
    return undefined;
  }

  /** The oldest key; an iterator that came to its end stays there. */
  #next(): readonly [K, number] | undefined {
    const { value, done } = this.#order.next();
    if (!done) return value;
    this.#order = this.#ready.entries();
    return this.#order.next().value;
  }

  #wait(key: K, since: number): void {
    this.#ready.set(key, since);
    this.#waiters.shift()?.();
  }

  #done(key: K): void {
    this.#observer?.done(this.#clock.monotonicMs() - (this.#active.get(key) as number));
    this.#active.delete(key);
    const since = this.#again.get(key);
    if (since === undefined) return;
    this.#again.delete(key);
    this.#wait(key, since);
  }

  #cancelDelay(key: K): void {
    this.#delayed.get(key)?.timer[Symbol.dispose]();
    this.#delayed.delete(key);
  }
}
