import type { Clock } from '@berth/kit';
import { LruMap } from '@berth/kube';

/** Remembers answers for a time each; of too many it forgets those that were not asked for the longest. */
export class ExpiringCache<V> {
  readonly #entries: LruMap<string, { readonly value: V; readonly untilMs: number }>;
  readonly #clock: Clock;

  constructor(clock: Clock, limit: number) {
    this.#clock = clock;
    this.#entries = new LruMap(limit);
  }

  get(key: string): V | undefined {
    const entry = this.#entries.get(key);
    return entry && entry.untilMs > this.#clock.monotonicMs() ? entry.value : undefined;
  }

  set(key: string, value: V, ttlMs: number): void {
    if (ttlMs > 0) this.#entries.set(key, { value, untilMs: this.#clock.monotonicMs() + ttlMs });
  }
}
