import type { Clock } from '@berth/kit';

/** How many there are, and the most there were in the last second, which is what a scrape wants to know. */
export class HighWaterMark {
  readonly #clock: Clock;
  #now = 0;
  #second = 0;
  #most = 0;
  #mostBefore = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get current(): number {
    return this.#now;
  }

  get most(): number {
    this.#roll();
    return Math.max(this.#most, this.#mostBefore);
  }

  add(by: 1 | -1): void {
    this.#roll();
    this.#now += by;
    if (this.#now > this.#most) this.#most = this.#now;
  }

  #roll(): void {
    const second = Math.floor(this.#clock.monotonicMs() / 1000);
    if (second === this.#second) return;
    this.#mostBefore = second === this.#second + 1 ? this.#most : this.#now;
    this.#most = this.#now;
    this.#second = second;
  }
}
