import type { Clock } from '@berth/kit';

export interface QuietMomentsOptions {
  readonly clock: Clock;
  /** How often it is looked whether there is little to do. */
  readonly everyMs: number;
  /** More than so much work in that time is no quiet moment. */
  readonly little: number;
  /** Less than so much work since the last time is not worth it. */
  readonly worth: number;
  /** The signal tells that it is disposed of. */
  readonly run: (signal: AbortSignal) => Promise<void>;
}

/** Tidies up after work, in the first quiet moment after enough of it. Without work it does nothing. */
export class QuietMoments implements Disposable {
  readonly #options: QuietMomentsOptions;
  #timer: Disposable | undefined;
  #lately = 0;
  #since = 0;
  readonly #end = new AbortController();

  constructor(options: QuietMomentsOptions) {
    this.#options = options;
  }

  worked(amount: number): void {
    this.#lately += amount;
    this.#since += amount;
    if (this.#since >= this.#options.worth) this.#wait();
  }

  [Symbol.dispose](): void {
    this.#end.abort();
    this.#timer?.[Symbol.dispose]();
  }

  #wait(): void {
    const { clock, everyMs } = this.#options;
    if (!this.#end.signal.aborted) this.#timer ??= clock.schedule(everyMs, () => void this.#look());
  }

  async #look(): Promise<void> {
    const { little, run } = this.#options;
    const isQuiet = this.#lately <= little;
    this.#lately = 0;
    if (isQuiet) {
      this.#since = 0;
      await run(this.#end.signal);
    }
    this.#timer = undefined;
    if (this.#since >= this.#options.worth) this.#wait();
  }
}
