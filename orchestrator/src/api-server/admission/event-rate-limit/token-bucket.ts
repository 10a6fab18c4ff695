import type { Clock } from '@berth/kit';

/** So many at once, then so many a second (client-go util/flowcontrol). */
export class TokenBucket {
  readonly #clock: Clock;
  readonly #perSecond: number;
  readonly #most: number;
  #tokens: number;
  #at: number;

  constructor(clock: Clock, { qps, burst }: { readonly qps: number; readonly burst: number }) {
    this.#clock = clock;
    this.#perSecond = qps;
    this.#most = burst;
    this.#tokens = burst;
    this.#at = clock.monotonicMs();
  }

  /** Takes one if there is one. */
  take(): boolean {
    const now = this.#clock.monotonicMs();
    this.#tokens = Math.min(this.#most, this.#tokens + ((now - this.#at) / 1000) * this.#perSecond);
    this.#at = now;
    if (this.#tokens < 1) return false;
    this.#tokens--;
    return true;
  }
}
