import { asGrpcError } from '@berth/protos';
import { type StepStatistics, statisticsOf } from './percentiles.ts';

/** Measures steps by name, in the order they first came. */
export class Stopwatch {
  readonly #now: () => number;
  readonly #steps = new Map<string, { times: number[]; errors: number }>();
  #firstError: string | undefined;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** What the first call that failed said. */
  get firstError(): string | undefined {
    return this.#firstError;
  }

  async measure<T>(step: string, call: () => Promise<T>): Promise<T> {
    const kept = this.#steps.get(step) ?? { times: [], errors: 0 };
    this.#steps.set(step, kept);
    const started = this.#now();
    try {
      const result = await call();
      kept.times.push(this.#now() - started);
      return result;
    } catch (error) {
      kept.errors++;
      const { code, message } = asGrpcError(error);
      this.#firstError ??= `${step}: ${message} (${code})`;
      throw error;
    }
  }

  statistics(): StepStatistics[] {
    return [...this.#steps].map(([step, { times, errors }]) => statisticsOf(step, times, errors));
  }
}
