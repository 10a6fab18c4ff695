import type { Clock } from '@berth/kit';

/** A driver that was killed, or ended together with the node agent, is back well within this; longer, and it is gone. */
const patienceMs = 10_000;

interface Expected {
  readonly arrived: Promise<void>;
  readonly resolve: () => void;
  readonly timer: Disposable;
}

/**
 * Drivers that are not registered now but should be in a moment. Volumes wait for them instead of failing, so that a restart
 * tells no user of a failure that is none.
 */
export class ExpectedDrivers implements Disposable {
  readonly #clock: Clock;
  readonly #drivers = new Map<string, Expected>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(driver: string): void {
    this.arrived(driver);
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = this.#clock.schedule(patienceMs, () => this.arrived(driver));
    this.#drivers.set(driver, { arrived: promise, resolve, timer });
  }

  /** It is registered, or not expected any more: whoever waits looks for it now. */
  arrived(driver: string): void {
    const expected = this.#drivers.get(driver);
    this.#drivers.delete(driver);
    expected?.timer[Symbol.dispose]();
    expected?.resolve();
  }

  /** Resolves when the driver arrived, and at once where it is not expected. @throws the signal's reason */
  async wait(driver: string, signal: AbortSignal): Promise<void> {
    const expected = this.#drivers.get(driver);
    if (!expected) return;
    const { promise, reject } = Promise.withResolvers<never>();
    const abort = () => reject(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    try {
      signal.throwIfAborted();
      await Promise.race([expected.arrived, promise]);
    } finally {
      signal.removeEventListener('abort', abort);
    }
  }

  [Symbol.dispose](): void {
    for (const driver of [...this.#drivers.keys()]) this.arrived(driver);
  }
}
