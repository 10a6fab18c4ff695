import type { Clock } from '@berth/kit';

interface Waiter {
  readonly revision: number;
  readonly resolve: (reached: boolean) => void;
}

/** Who waits for the cache to come to a revision. */
export class RevisionWaiters {
  readonly #clock: Clock;
  readonly #waiters = new Set<Waiter>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#waiters.size;
  }

  /** @returns whether it came within `ms`. */
  wait(revision: number, ms: number): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = this.#clock.schedule(ms, () => waiter.resolve(false));
      const waiter: Waiter = {
        revision,
        resolve: (reached) => {
          timer[Symbol.dispose]();
          this.#waiters.delete(waiter);
          resolve(reached);
        },
      };
      this.#waiters.add(waiter);
    });
  }

  reached(revision: number): void {
    for (const waiter of this.#waiters) if (waiter.revision <= revision) waiter.resolve(true);
  }

  /** Nothing comes any more. */
  end(): void {
    for (const waiter of this.#waiters) waiter.resolve(false);
  }
}
