import { createHash } from 'node:crypto';
import type { Counter, Histogram, MetricRegistry, SeriesOf } from '../../metrics/metric-registry.ts';

/** Upstream's, of what asks an issuer for its keys now and then. */
const idTokenSeconds = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** Tokens of service accounts, ID tokens and those that a webhook is asked about, under upstream's names (pkg/serviceaccount, apiserver token/cache). */
export class TokenMetrics {
  readonly valid: Counter;
  readonly stale: Counter;
  readonly legacy: Counter;
  readonly #requests: SeriesOf<Counter>;
  readonly #seconds: SeriesOf<Histogram>;
  readonly #fetches: SeriesOf<Counter>;
  readonly #idTokens: SeriesOf<Histogram>;
  #fetching = 0;
  #waiting = 0;

  constructor(registry: MetricRegistry) {
    const account = (name: string, help: string) => registry.counter(`serviceaccount_${name}_tokens_total`, help).at();
    this.valid = account('valid', 'Uses of tokens that service accounts were given by request.');
    this.stale = account('stale', 'Uses of such tokens after the time that was asked for, where they were given more.');
    this.legacy = account('legacy', 'Uses of tokens of service accounts that lie in Secrets.');
    const cache = (name: string) => `authentication_token_cache_${name}`;
    const by = ['status'];
    this.#requests = registry.counter(
      cache('request_total'),
      'Tokens, by whether a webhook had told whose they are.',
      by,
    );
    this.#seconds = registry.histogram(
      cache('request_duration_seconds'),
      'How long it took to tell, by whether a webhook had told before.',
      by,
    );
    this.#fetches = registry.counter(cache('fetch_total'), 'Questions to a webhook, by how they ended.', by);
    this.#idTokens = registry.histogram(
      'apiserver_authentication_jwt_authenticator_latency_seconds',
      'How long it took to tell whose an ID token is, by its issuer.',
      ['jwt_issuer_hash', 'result'],
      idTokenSeconds,
    );
    registry.gauge(
      cache('active_fetch_count'),
      'Tokens that a webhook is asked about, and requests that wait for it.',
      by,
      () => [
        [['blocked'], this.#waiting],
        [['in_flight'], this.#fetching],
      ],
    );
  }

  /** An ID token of `issuer` was accepted, or was not. */
  judged(issuer: string, accepted: boolean, ms: number): void {
    const hash = `sha256:${createHash('sha256').update(issuer).digest('hex')}`;
    this.#idTokens.at(hash, accepted ? 'success' : 'failure').observe(ms / 1000);
  }

  looked(status: 'hit' | 'miss', ms: number): void {
    this.#requests.at(status).add();
    this.#seconds.at(status).observe(ms / 1000);
  }

  /** A webhook is asked; call what is returned when it has answered. */
  fetching(): (ok: boolean) => void {
    this.#fetching++;
    return (ok) => {
      this.#fetching--;
      this.#fetches.at(ok ? 'ok' : 'error').add();
    };
  }

  /** A request waits for such an answer, until what is returned is called. */
  waiting(): () => void {
    this.#waiting++;
    return () => {
      this.#waiting--;
    };
  }
}
