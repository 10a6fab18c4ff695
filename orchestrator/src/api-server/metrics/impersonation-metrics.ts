import type { Clock } from '@berth/kit';
import type { Counter, Histogram, MetricRegistry } from '../../metrics/metric-registry.ts';
import { SeriesOf } from '../../metrics/metric-registry.ts';
import type { Impersonation } from '../authorization/impersonate.ts';
import type { Authorizer } from '../authorizer.ts';
import { durationBounds } from './access-metrics.ts';

interface Outcome {
  readonly attempts: Counter;
  readonly seconds: Histogram;
}

const about = ['decision', 'mode'];

/** Who acts as others, under upstream's names (apiserver endpoints/filters/impersonation/metrics). */
export class ImpersonationMetrics {
  readonly #clock: Clock;
  readonly #attempts: SeriesOf<Outcome>;
  readonly #questions: SeriesOf<Outcome>;

  constructor(registry: MetricRegistry, clock: Clock) {
    this.#clock = clock;
    this.#attempts = outcomes(registry, 'attempts', 'Requests to act as somebody else');
    this.#questions = outcomes(registry, 'authorization_attempts', 'Questions whether they may');
  }

  /** Somebody acts as somebody else, or may not; undefined: may not. */
  attempted(acting: Impersonation | undefined, ms: number): void {
    observe(
      this.#attempts,
      [acting ? 'allowed' : 'denied', acting ? modeOf(acting.constraint ?? 'impersonate') : ''],
      ms,
    );
  }

  /** Counts what `authorizer` is asked. */
  counted(authorizer: Authorizer): Pick<Authorizer, 'authorize'> {
    return {
      authorize: async (attributes) => {
        const beganMs = this.#clock.monotonicMs();
        const decision = await authorizer.authorize(attributes);
        const answer = decision.allowed ? 'allowed' : 'denied';
        observe(this.#questions, [answer, modeOf(attributes.verb)], this.#clock.monotonicMs() - beganMs);
        return decision;
      },
    };
  }
}

/** `impersonate:MODE`, `impersonate-on:MODE:VERB`; `impersonate` alone is the old way. */
function modeOf(verb: string): string {
  return verb.split(':', 2)[1] ?? 'legacy';
}

function observe(outcomes: SeriesOf<Outcome>, labels: readonly string[], ms: number): void {
  const { attempts, seconds } = outcomes.at(...labels);
  attempts.add();
  seconds.observe(ms / 1000);
}

function outcomes(registry: MetricRegistry, name: string, what: string): SeriesOf<Outcome> {
  const named = `apiserver_impersonation_${name}`;
  const attempts = registry.counter(`${named}_total`, `${what}.`, about);
  const seconds = registry.histogram(
    `${named}_duration_seconds`,
    `${what}, and how long that took.`,
    about,
    durationBounds,
  );
  return new SeriesOf((...labels) => ({ attempts: attempts.at(...labels), seconds: seconds.at(...labels) }));
}
