import type { Clock } from '@berth/kit';
import { defaultBounds, Histogram, type MetricRegistry } from '../../metrics/metric-registry.ts';

/** How long the rules of definitions take to be read, and to be asked about an object, under upstream's names (apiserver cel/metrics). */
export class ExpressionTimes {
  readonly #clock: Clock;
  readonly #compilation = new Histogram(defaultBounds);
  readonly #evaluation = new Histogram(defaultBounds);

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  register(registry: MetricRegistry): void {
    registry.known(
      'apiserver_cel_compilation_duration_seconds',
      'How long expressions took to be compiled.',
      this.#compilation,
    );
    registry.known(
      'apiserver_cel_evaluation_duration_seconds',
      'How long expressions took to be evaluated.',
      this.#evaluation,
    );
  }

  async compiled<T>(compile: () => Promise<T>): Promise<T> {
    const began = this.#clock.monotonicMs();
    const result = await compile();
    this.#compilation.observe((this.#clock.monotonicMs() - began) / 1000);
    return result;
  }

  async evaluated<T>(evaluate: () => T | Promise<T>): Promise<T> {
    const began = this.#clock.monotonicMs();
    const result = await evaluate();
    this.#evaluation.observe((this.#clock.monotonicMs() - began) / 1000);
    return result;
  }
}
