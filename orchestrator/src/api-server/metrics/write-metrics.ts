import type { Clock } from '@berth/kit';
import type { Counter, Histogram, MetricRegistry, SeriesOf } from '../../metrics/metric-registry.ts';
import type { WriteObserver } from '../object-storage.ts';
import { durationBounds } from './request-metrics.ts';

const about = ['group', 'operation', 'resource'];

interface Writes {
  readonly total: Counter;
  readonly errors: Counter;
  readonly seconds: Histogram;
}

/** Writes to the store, whichever that is, under upstream's names for etcd. Reads ask it for nothing that has a resource. */
export class WriteMetrics {
  readonly #total: SeriesOf<Counter>;
  readonly #errors: SeriesOf<Counter>;
  readonly #seconds: SeriesOf<Histogram>;
  readonly #clock: Clock;

  constructor(registry: MetricRegistry, clock: Clock) {
    this.#clock = clock;
    this.#total = registry.counter('etcd_requests_total', 'Writes to the store.', about);
    this.#errors = registry.counter('etcd_request_errors_total', 'Writes that the store failed at.', about);
    this.#seconds = registry.histogram(
      'etcd_request_duration_seconds',
      'How long the store took to write.',
      about,
      durationBounds,
    );
  }

  observer(group: string, resource: string): WriteObserver {
    const known: Partial<Record<string, Writes>> = {};
    const clock = this.#clock;
    return {
      now: () => clock.monotonicMs(),
      written: (operation, beganMs, failed) => {
        known[operation] ??= this.#writes(group, operation, resource);
        const { total, errors, seconds } = known[operation];
        total.add();
        if (failed) errors.add();
        seconds.observe((clock.monotonicMs() - beganMs) / 1000);
      },
    };
  }

  #writes(...labels: readonly [group: string, operation: string, resource: string]): Writes {
    return {
      total: this.#total.at(...labels),
      errors: this.#errors.at(...labels),
      seconds: this.#seconds.at(...labels),
    };
  }
}
