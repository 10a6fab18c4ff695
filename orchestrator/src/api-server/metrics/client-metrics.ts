import type { Counter, Histogram, MetricRegistry, SeriesOf } from '../../metrics/metric-registry.ts';

/** Upstream's buckets (component-base metrics/prometheus/restclient). */
const bounds = [0.005, 0.025, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60];

/** A request that a client of this process has made. */
export interface ClientRequest {
  /** `example.com:443` */
  readonly host: string;
  readonly method: string;
  /** `<error>`: there was no answer. */
  readonly code: number | '<error>';
  /** Until the answer came; absent where it has no end. */
  readonly seconds: number | undefined;
}

interface ByCode {
  readonly seconds: Histogram;
  readonly codes: Map<ClientRequest['code'], Counter>;
}

/** What this process asks of others, and its components of the API server, under upstream's names. */
export class ClientMetrics {
  readonly #total: SeriesOf<Counter>;
  /** Found without making labels of them. */
  readonly #known = new Map<string, Map<string, ByCode>>();
  readonly #seconds: SeriesOf<Histogram>;

  constructor(registry: MetricRegistry) {
    this.#total = registry.counter('rest_client_requests_total', 'Requests of clients, by how they ended.', [
      'code',
      'host',
      'method',
    ]);
    this.#seconds = registry.histogram(
      'rest_client_request_duration_seconds',
      'How long clients waited for their answers.',
      ['host', 'verb'],
      bounds,
    );
  }

  asked({ host, method, code, seconds }: ClientRequest): void {
    const methods = this.#known.get(host) ?? new Map<string, ByCode>();
    let known = methods.get(method);
    if (!known) {
      known = { seconds: this.#seconds.at(host, method), codes: new Map() };
      this.#known.set(host, methods.set(method, known));
    }
    let counter = known.codes.get(code);
    if (!counter) {
      counter = this.#total.at(String(code), host, method);
      known.codes.set(code, counter);
    }
    counter.add();
    if (seconds !== undefined) known.seconds.observe(seconds);
  }
}
