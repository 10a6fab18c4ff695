import { type Clock, type Rng, settle, sleepBySchedule } from '@berth/kit';

interface Timer {
  readonly at: number;
  readonly run: () => void;
}

/** A clock of steps: all that is due in one begins at once, in any order, so that it meets as real work does. */
export class CoarseClock implements Clock {
  readonly #stepMs: number;
  readonly #rng: Rng;
  readonly #timers = new Set<Timer>();
  #now = Date.UTC(2030, 0, 1);

  constructor(stepMs: number, rng: Rng) {
    this.#stepMs = stepMs;
    this.#rng = rng;
  }

  now(): number {
    return this.#now;
  }

  monotonicMs(): number {
    return this.#now;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return sleepBySchedule(this, ms, signal);
  }

  schedule(ms: number, run: () => void): Disposable {
    const timer = { at: this.#now + ms, run };
    this.#timers.add(timer);
    return { [Symbol.dispose]: () => this.#timers.delete(timer) };
  }

  /** Goes on until it is over, or for this many steps. */
  async go(steps: number, isOver: () => boolean = () => false): Promise<void> {
    for (let step = 0; step < steps && !isOver(); step++) {
      this.#now += this.#stepMs;
      const due = [...this.#timers].filter(({ at }) => at <= this.#now);
      for (let i = due.length - 1; i > 0; i--) {
        const other = Math.floor(this.#rng.next() * (i + 1));
        [due[i], due[other]] = [due[other] as Timer, due[i] as Timer];
      }
      for (const timer of due) if (this.#timers.delete(timer)) timer.run();
      await settle();
    }
  }
}
