import { type Counter, MetricRegistry, SeriesOf } from '../../metrics/metric-registry.ts';
import { addProcessStart } from '../../metrics/process-start.ts';

/** What /metrics/slis tells: how often each health check passed when the whole was asked for (component-base metrics/prometheus/slis). */
export class HealthMetrics {
  readonly #registry = new MetricRegistry();
  readonly #last = new SeriesOf(() => ({ passed: false }));
  readonly #total: SeriesOf<Counter>;

  constructor() {
    const about = ['name', 'type'];
    this.#registry.gauge('kubernetes_healthcheck', 'The last result of a health check: 1, it passed.', about, () =>
      [...this.#last].map(([labels, { passed }]) => [labels, passed ? 1 : 0] as const),
    );
    this.#total = this.#registry.counter('kubernetes_healthchecks_total', 'Results of health checks.', [
      'name',
      'status',
      'type',
    ]);
    addProcessStart(this.#registry);
  }

  /** `type`: what was asked for, such as `livez`. */
  observe(name: string, type: string, passed: boolean): void {
    this.#last.at(name, type).passed = passed;
    this.#total.at(name, passed ? 'success' : 'error', type).add();
  }

  reset(): void {
    for (const series of [this.#last, this.#total]) for (const [labels] of [...series]) series.forget(...labels);
  }

  text(): Promise<string> {
    return this.#registry.text();
  }
}
