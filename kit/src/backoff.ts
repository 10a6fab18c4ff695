import type { Rng } from './random.ts';

export interface BackoffOptions {
  readonly initialMs: number;
  readonly maxMs: number;
  /** Growth per failure. */
  readonly factor?: number;
  /** 0.1 adds up to ten per cent, so that failures of one moment do not retry in one moment. */
  readonly jitter?: number;
  readonly rng?: Rng;
}

/** Exponential delay per key, forgotten on success. */
export class Backoff {
  readonly #options: BackoffOptions;
  readonly #failures = new Map<string, number>();

  constructor(options: BackoffOptions) {
    this.#options = options;
  }

  /** Counts one failure of `key` and says how long to wait before the next try. */
  next(key: string): number {
    const failures = this.#failures.get(key) ?? 0;
    this.#failures.set(key, failures + 1);
    return this.delayAfter(failures);
  }

  /** The delay after `failures` earlier failures, without counting one. */
  delayAfter(failures: number): number {
    const { initialMs, maxMs, factor = 2, jitter = 0, rng } = this.#options;
    const base = Math.min(maxMs, initialMs * factor ** Math.min(failures, 64));
    return base * (1 + (rng ? rng.next() * jitter : 0));
  }

  failures(key: string): number {
    return this.#failures.get(key) ?? 0;
  }

  forget(key: string): void {
    this.#failures.delete(key);
  }
}
