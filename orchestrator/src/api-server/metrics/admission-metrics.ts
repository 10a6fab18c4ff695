import type { Counter, Histogram, MetricRegistry, SeriesOf } from '../../metrics/metric-registry.ts';

/** Upstream's buckets (apiserver admission/metrics). */
const bounds = [0.005, 0.025, 0.1, 0.5, 1, 2.5, 10, 25];
const highestCode = 600;

/** A call to an admission webhook that has ended. */
export interface HookCall {
  readonly name: string;
  readonly type: 'admit' | 'validating';
  /** `CREATE` */
  readonly operation: string;
  readonly seconds: number;
  /** 200: it let the request through; 0: something of this server went wrong. */
  readonly code: number;
  /** Why the request was refused; absent: it was not. */
  readonly rejection?: 'calling_webhook_error' | 'apiserver_internal_error' | 'no_error' | 'client_gone';
  /** It failed, and was as if it were not there. */
  readonly failedOpen: boolean;
}

/** Hears of calls to admission webhooks. */
export interface HookCallObserver {
  called(call: HookCall): void;
}

/** Calls to admission webhooks, under upstream's names. */
export class AdmissionMetrics implements HookCallObserver {
  readonly #durations: SeriesOf<Histogram>;
  readonly #requests: SeriesOf<Counter>;
  readonly #rejections: SeriesOf<Counter>;
  readonly #failOpens: SeriesOf<Counter>;

  constructor(registry: MetricRegistry) {
    const about = ['name', 'operation', 'rejected', 'type'];
    this.#durations = registry.histogram(
      'apiserver_admission_webhook_admission_duration_seconds',
      'How long admission webhooks took, by name, operation and type (validating or admit).',
      about,
      bounds,
    );
    this.#requests = registry.counter(
      'apiserver_admission_webhook_request_total',
      'Requests to admission webhooks, by name, operation, type and HTTP status.',
      ['code', ...about],
    );
    this.#rejections = registry.counter(
      'apiserver_admission_webhook_rejection_count',
      'Requests that were refused at an admission webhook, by what refused them and with which code.',
      ['error_type', 'name', 'operation', 'rejection_code', 'type'],
    );
    this.#failOpens = registry.counter(
      'apiserver_admission_webhook_fail_open_count',
      'Admission webhooks that failed and were passed over.',
      ['name', 'type'],
    );
  }

  called({ name, type, operation, seconds, code, rejection, failedOpen }: HookCall): void {
    const bounded = String(Math.min(code, highestCode));
    const rejected = String(rejection !== undefined);
    this.#durations.at(name, operation, rejected, type).observe(seconds);
    this.#requests.at(bounded, name, operation, rejected, type).add();
    if (rejection !== undefined && rejection !== 'client_gone')
      this.#rejections.at(rejection, name, operation, bounded, type).add();
    if (failedOpen) this.#failOpens.at(name, type).add();
  }
}
