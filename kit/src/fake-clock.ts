import { type Clock, sleepBySchedule } from './clock.ts';

interface Timer {
  readonly at: number;
  readonly sequence: number;
  readonly run: () => void;
}

/** A Clock that moves only when told to; sleepers wake in order of their time, then of their start. */
export class FakeClock implements Clock {
  #now: number;
  #wallAheadMs = 0;
  #sequence = 0;
  readonly #timers = new Set<Timer>();

  constructor(startMs = Date.UTC(2030, 0, 1)) {
    this.#now = startMs;
  }

  now(): number {
    return this.#now + this.#wallAheadMs;
  }

  monotonicMs(): number {
    return this.#now;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return sleepBySchedule(this, ms, signal);
  }

  schedule(ms: number, run: () => void): Disposable {
    const timer: Timer = { at: this.#now + Math.max(ms, 0), sequence: this.#sequence++, run };
    this.#timers.add(timer);
    return { [Symbol.dispose]: () => this.#timers.delete(timer) };
  }

  /** Sets the wall clock on by `ms`, or back, as an administrator or NTP does: what is measured does not jump, and timers keep their time. */
  setOn(ms: number): void {
    this.#wallAheadMs += ms;
  }

  /** How many timers are armed; a test ends with none. */
  get pending(): number {
    return this.#timers.size;
  }

  /** Moves time on by `ms`, firing timers one by one and letting promises settle after each. */
  async advance(ms: number): Promise<void> {
    const target = this.#now + ms;
    await settle();
    for (let next = this.#next(target); next; next = this.#next(target)) {
      this.#timers.delete(next);
      this.#now = Math.max(this.#now, next.at);
      next.run();
      await settle();
    }
    this.#now = target;
    await settle();
  }

  #next(target: number): Timer | undefined {
    let best: Timer | undefined;
    for (const timer of this.#timers) {
      if (timer.at > target) continue;
      if (!best || timer.at < best.at || (timer.at === best.at && timer.sequence < best.sequence)) best = timer;
    }
    return best;
  }
}

/** Lets every promise and immediate that is already due run. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 3; i++) await new Promise<void>((resolve) => setImmediate(resolve));
}
