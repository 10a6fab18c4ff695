import type { Clock } from '@berth/kit';
import { lockFile } from '@berth/linux';
import { ImageError } from './image-error.ts';

/** Whoever takes away unneeded content is alone for milliseconds, unless an image with very many files goes. */
const patienceMs = 120_000;

/**
 * Keeps what is being taken in from being taken away, between processes: `berth image load` beside a running `berth up`.
 * Whoever adds content shares the lock; removing unneeded content takes it alone. The kernel drops it with its process.
 */
export class StoreLock {
  readonly #file: string;
  readonly #clock: Clock;

  constructor(file: string, clock: Clock) {
    this.#file = file;
    this.#clock = clock;
  }

  /** @throws ImageError Unavailable – content was being removed all that time. */
  async share(signal?: AbortSignal): Promise<Disposable> {
    const endAt = this.#clock.monotonicMs() + patienceMs;
    for (;;) {
      const lock = lockFile(this.#file, { shared: true });
      if (lock) return lock;
      if (this.#clock.monotonicMs() > endAt)
        throw new ImageError('Unavailable', `another process is removing images (${this.#file}); try again later`);
      await this.#clock.sleep(20, signal);
    }
  }

  /** undefined while anyone else has it: they look for unneeded content when they end. */
  tryAlone(): Disposable | undefined {
    return lockFile(this.#file);
  }
}
