import type { Clock } from '@berth/kit';
import type { UniqueVolumeName } from './volume-spec.ts';

/** Kubelet looks at each pod about as often, whose tokens may have come to their end by a clock that was set on. */
const longestSleepMs = 60_000;

/** Wakes mounted volumes whose content has an end: tokens, republishing drivers. It is due when the time has passed, or the clock says so. */
export class RefreshTimers implements Disposable {
  readonly #clock: Clock;
  readonly #onDue: (name: UniqueVolumeName, podUid: string) => void;
  readonly #timers = new Map<string, Disposable>();

  constructor(clock: Clock, onDue: (name: UniqueVolumeName, podUid: string) => void) {
    this.#clock = clock;
    this.#onDue = onDue;
  }

  arm(name: UniqueVolumeName, podUid: string, afterMs: number): void {
    this.disarm(name, podUid);
    const key = `${podUid} ${name}`;
    const byClock = this.#clock.now() + afterMs;
    const byTime = this.#clock.monotonicMs() + afterMs;
    const look = () => {
      const leftMs = Math.min(byClock - this.#clock.now(), byTime - this.#clock.monotonicMs());
      if (leftMs > 0) return void this.#timers.set(key, this.#sleep(leftMs, look));
      this.#timers.delete(key);
      this.#onDue(name, podUid);
    };
    this.#timers.set(key, this.#sleep(afterMs, look));
  }

  disarm(name: UniqueVolumeName, podUid: string): void {
    this.#timers.get(`${podUid} ${name}`)?.[Symbol.dispose]();
    this.#timers.delete(`${podUid} ${name}`);
  }

  #sleep(ms: number, look: () => void): Disposable {
    return this.#clock.schedule(Math.min(ms, longestSleepMs), look);
  }

  [Symbol.dispose](): void {
    for (const timer of this.#timers.values()) timer[Symbol.dispose]();
    this.#timers.clear();
  }
}
