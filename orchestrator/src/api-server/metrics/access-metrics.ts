import type { Clock } from '@berth/kit';
import {
  type Counter,
  exponentialBounds,
  Histogram,
  type MetricRegistry,
  SeriesOf,
} from '../../metrics/metric-registry.ts';
import type { Decision } from '../authorizer.ts';
import type { User } from '../user.ts';

/** Names that are told; all others are one (apiserver authentication metrics: their number must be bounded). */
const knownUsers = new Set(['admin', 'client', 'kube_proxy', 'kubelet', 'system:serviceaccount:kube-system:default']);

/** Upstream's buckets (apiserver endpoints/filters, endpoints/metrics, authentication/request/x509). */
export const durationBounds = exponentialBounds(0.001, 2, 15);
const filterBounds = [0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 5, 10, 15, 30];
const [hour, day] = [3600, 86_400];
const lifetimeBounds = [
  ...[0, 1800, hour, 2 * hour, 6 * hour, 12 * hour],
  ...[1, 2, 4, 7, 30, 90, 180, 360].map((days) => days * day),
];

type Filter = 'audit' | 'authentication' | 'authorization' | 'constrainedimpersonation' | 'priorityandfairness';

interface Outcome {
  readonly attempts: Counter;
  readonly seconds: Histogram;
}

/** Who comes in, what they may, and how long it takes to tell, under upstream's names. */
export class AccessMetrics {
  readonly #clock: Clock;
  readonly #users: SeriesOf<Counter>;
  readonly #authentications: SeriesOf<Outcome>;
  readonly #authorizations: SeriesOf<Outcome>;
  readonly #filters: Readonly<Record<Filter, Histogram>>;
  readonly #lifetimes = new Histogram(lifetimeBounds);

  constructor(registry: MetricRegistry, clock: Clock) {
    this.#clock = clock;
    this.#users = registry.counter('authenticated_user_requests', 'Requests by who asked.', ['username']);
    this.#authentications = outcomes(registry, {
      attempts: ['authentication_attempts', 'Attempts to authenticate.'],
      seconds: ['authentication_duration_seconds', 'How long it took to tell who asks.'],
    });
    this.#authorizations = outcomes(registry, {
      attempts: ['authorization_attempts_total', 'Questions to the authorizers.'],
      seconds: ['authorization_duration_seconds', 'How long it took to tell who may.'],
    });
    const filters = registry.histogram(
      'apiserver_request_filter_duration_seconds',
      'How long requests were with what stands before their handlers.',
      ['filter'],
      filterBounds,
    );
    this.#filters = {
      audit: filters.at('audit'),
      authentication: filters.at('authentication'),
      authorization: filters.at('authorization'),
      constrainedimpersonation: filters.at('constrainedimpersonation'),
      priorityandfairness: filters.at('priorityandfairness'),
    };
    registry.known(
      'apiserver_client_certificate_expiration_seconds',
      'How long the certificates are valid yet that requests come with.',
      this.#lifetimes,
    );
  }

  authenticated({ name }: User, ms: number): void {
    this.#authentication('success', ms);
    this.#users.at(knownUsers.has(name) ? name : name.includes('@') ? 'email_id' : 'other').add();
  }

  /** `error`: by a credential that is none. */
  notAuthenticated(result: 'failure' | 'error', ms: number): void {
    this.#authentication(result, ms);
  }

  /** A request came with a certificate that is valid so long. */
  certificate(expiresAtMs: number): void {
    this.#lifetimes.observe((expiresAtMs - this.#clock.now()) / 1000);
  }

  /** Also asked for each request of the server's own components. */
  authorized({ allowed, denied, error }: Decision, ms: number): void {
    const refusal = error !== undefined ? 'error' : denied ? 'denied' : 'no-opinion';
    const { attempts, seconds } = this.#authorizations.at(allowed ? 'allowed' : refusal);
    attempts.add();
    seconds.observe(ms / 1000);
    this.passed('authorization', ms);
  }

  passed(filter: Filter, ms: number): void {
    this.#filters[filter].observe(ms / 1000);
  }

  #authentication(result: string, ms: number): void {
    const { attempts, seconds } = this.#authentications.at(result);
    attempts.add();
    seconds.observe(ms / 1000);
    this.passed('authentication', ms);
  }
}

/** A counter and a histogram of the same, by result. */
function outcomes(
  registry: MetricRegistry,
  about: Readonly<Record<'attempts' | 'seconds', readonly [name: string, help: string]>>,
): SeriesOf<Outcome> {
  const attempts = registry.counter(...about.attempts, ['result']);
  const seconds = registry.histogram(...about.seconds, ['result'], durationBounds);
  return new SeriesOf((result = '') => ({ attempts: attempts.at(result), seconds: seconds.at(result) }));
}
