import type { Clock } from '@berth/kit';
import {
  type Counter,
  exponentialBounds,
  type Histogram,
  type MetricRegistry,
  type SeriesOf,
} from '../../metrics/metric-registry.ts';

/** Upstream's buckets (apiextensions conversion/metrics.go). */
const callBounds = [0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 45, 60];
const definitionBounds = exponentialBounds(0.001, 2, 15);

/** What became of objects that a webhook converts. */
export interface Conversion {
  /** Of the definition. */
  readonly name: string;
  readonly from: string;
  readonly to: string;
}

/** Why a conversion failed. */
export type ConversionFailure =
  | 'conversion_webhook_call_failure'
  | 'conversion_webhook_malformed_response_failure'
  | 'conversion_webhook_partial_response_failure'
  | 'conversion_webhook_invalid_converted_object_failure';

/** Conversions of custom resources by webhooks, under upstream's names. */
export class ConversionMetrics {
  readonly #clock: Clock;
  readonly #requests: SeriesOf<Counter>;
  readonly #calls: SeriesOf<Histogram>;
  readonly #definitions: SeriesOf<Histogram>;

  constructor(registry: MetricRegistry, clock: Clock) {
    this.#clock = clock;
    const about = ['failure_type', 'result'];
    this.#requests = registry.counter(
      'apiserver_conversion_webhook_request_total',
      'Requests to conversion webhooks, by what became of them.',
      about,
    );
    this.#calls = registry.histogram(
      'apiserver_conversion_webhook_duration_seconds',
      'How long conversion webhooks took.',
      about,
      callBounds,
    );
    this.#definitions = registry.histogram(
      'apiserver_crd_conversion_webhook_duration_seconds',
      'How long conversions between versions of custom resources took.',
      ['crd_name', 'from_version', 'succeeded', 'to_version'],
      definitionBounds,
    );
  }

  /** `convert` tells how far it came: what it fails at is what is counted. */
  async converted<T>(
    { name, from, to }: Conversion,
    convert: (next: (failure: ConversionFailure) => void) => Promise<T>,
  ): Promise<T> {
    const began = this.#clock.monotonicMs();
    let at: ConversionFailure = 'conversion_webhook_call_failure';
    let isDone = false;
    try {
      const value = await convert((failure) => {
        at = failure;
      });
      isDone = true;
      return value;
    } finally {
      const seconds = (this.#clock.monotonicMs() - began) / 1000;
      const labels = isDone ? ['', 'success'] : [at, 'failure'];
      this.#requests.at(...labels).add();
      this.#calls.at(...labels).observe(seconds);
      this.#definitions.at(name, from, String(isDone), to).observe(seconds);
    }
  }
}
