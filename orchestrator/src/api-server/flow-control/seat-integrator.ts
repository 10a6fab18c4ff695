import type { Clock } from '@berth/kit';

export interface SeatDemand {
  readonly seconds: number;
  /** Weighted by time; NaN where no time passed. */
  readonly average: number;
  readonly deviation: number;
  readonly max: number;
}

/** How many seats were wanted over a time (apiserver fairqueuing Integrator). */
export class SeatIntegrator {
  readonly #clock: Clock;
  #at: number;
  #value = 0;
  #seconds = 0;
  #sum = 0;
  #squares = 0;
  #max = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#at = clock.monotonicMs();
  }

  set(value: number): void {
    this.#advance();
    this.#value = value;
    if (value > this.#max) this.#max = value;
  }

  /** What was since the last call. */
  take(): SeatDemand {
    this.#advance();
    const seconds = this.#seconds;
    const average = this.#sum / seconds;
    const demand = {
      seconds,
      average,
      deviation: Math.sqrt(this.#squares / seconds - average * average),
      max: this.#max,
    };
    this.#seconds = 0;
    this.#sum = 0;
    this.#squares = 0;
    this.#max = this.#value;
    return demand;
  }

  #advance(): void {
    const now = this.#clock.monotonicMs();
    const seconds = (now - this.#at) / 1000;
    this.#at = now;
    this.#seconds += seconds;
    this.#sum += this.#value * seconds;
    this.#squares += this.#value * this.#value * seconds;
  }
}
