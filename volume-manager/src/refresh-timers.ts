import type { Clock } from '@berth/kit';
import type { UniqueVolumeName } from './volume-spec.ts';

/** Wakes mounted volumes whose content has an end: tokens, republishing drivers. */
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
    const timer = this.#clock.schedule(afterMs, () => {
      this.#timers.delete(`${podUid} ${name}`);
      this.#onDue(name, podUid);
    });
    this.#timers.set(`${podUid} ${name}`, timer);
  }

  disarm(name: UniqueVolumeName, podUid: string): void {
    this.#timers.get(`${podUid} ${name}`)?.[Symbol.dispose]();
    this.#timers.delete(`${podUid} ${name}`);
  }

  [Symbol.dispose](): void {
    for (const timer of this.#timers.values()) timer[Symbol.dispose]();
    this.#timers.clear();
  }
}
