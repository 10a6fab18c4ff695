import type { Clock } from '@berth/kit';
import type { Counter, MetricRegistry, SeriesOf } from '../../metrics/metric-registry.ts';

type Subject = 'authentication' | 'authorization' | 'encryption';

/** Reloads of configuration files, under upstream's names (apiserver options/*config/metrics). */
export class ConfigurationMetrics {
  readonly #clock: Clock;
  readonly #reloads: Readonly<Record<Subject, SeriesOf<Counter>>>;
  readonly #last: Readonly<Record<Subject, Map<string, number>>> = {
    authentication: new Map(),
    authorization: new Map(),
    encryption: new Map(),
  };

  constructor(registry: MetricRegistry, clock: Clock) {
    this.#clock = clock;
    this.#reloads = {
      authentication: this.#register(registry, 'authentication'),
      authorization: this.#register(registry, 'authorization'),
      encryption: this.#register(registry, 'encryption'),
    };
  }

  reloaded(subject: Subject, success: boolean): void {
    const status = success ? 'success' : 'failure';
    this.#reloads[subject].at(status).add();
    this.#last[subject].set(status, this.#clock.now() / 1000);
  }

  #register(registry: MetricRegistry, subject: Subject): SeriesOf<Counter> {
    const name = `apiserver_${subject}_config_controller_automatic_reload`;
    const what = `${subject} configuration`;
    registry.gauge(
      `${name}_last_timestamp_seconds`,
      `When the ${what} was last read again, by status.`,
      ['status'],
      () => [...this.#last[subject]].map(([status, at]) => [[status], at] as const),
    );
    return registry.counter(`${name}s_total`, `How often the ${what} was read again, by status.`, ['status']);
  }
}
