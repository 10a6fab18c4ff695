import type { Counter, Histogram, MetricRegistry, SeriesOf } from '../../metrics/metric-registry.ts';
import type { AuthorizationObserver } from '../authorization/authorization.ts';
import type { NamedAuthorizer } from '../authorization/authorization-options.ts';
import type { ConfigurationMetrics } from './configuration-metrics.ts';

/** What authorizers decide, and how their webhooks answer, under upstream's names (apiserver authorization/metrics). */
export class AuthorizationMetrics implements AuthorizationObserver {
  readonly #configurations: ConfigurationMetrics;
  readonly #decisions: SeriesOf<Counter>;
  readonly #evaluations: SeriesOf<Counter>;
  readonly #durations: SeriesOf<Histogram>;
  readonly #failOpens: SeriesOf<Counter>;
  readonly #matchErrors: SeriesOf<Counter>;
  readonly #exclusions: SeriesOf<Counter>;
  readonly #matchSeconds: SeriesOf<Histogram>;

  constructor(registry: MetricRegistry, configurations: ConfigurationMetrics) {
    const [prefix, by, ofType] = ['apiserver_authorization', ['name', 'result'], ['name', 'type']];
    this.#configurations = configurations;
    this.#decisions = registry.counter(
      `${prefix}_decisions_total`,
      'What authorizers decided, so that nobody else was asked.',
      ['decision', 'name', 'type'],
    );
    this.#evaluations = registry.counter(`${prefix}_webhook_evaluations_total`, 'Questions to webhooks.', by);
    this.#durations = registry.histogram(`${prefix}_webhook_duration_seconds`, 'How long webhooks took to answer.', by);
    this.#failOpens = registry.counter(
      `${prefix}_webhook_evaluations_fail_open_total`,
      'Webhooks that did not answer, and were passed over.',
      by,
    );
    this.#matchErrors = registry.counter(
      `${prefix}_match_condition_evaluation_errors_total`,
      'Match conditions of authorizers that failed.',
      ofType,
    );
    this.#exclusions = registry.counter(
      `${prefix}_match_condition_exclusions_total`,
      'Requests that match conditions kept from an authorizer.',
      ofType,
    );
    this.#matchSeconds = registry.histogram(
      `${prefix}_match_condition_evaluation_seconds`,
      'How long match conditions of authorizers took.',
      ofType,
      [0.001, 0.005, 0.01, 0.025, 0.1, 0.2, 0.25],
    );
  }

  decided({ name, type }: NamedAuthorizer, allowed: boolean): void {
    this.#decisions.at(allowed ? 'allowed' : 'denied', name, type).add();
  }

  reloaded(success: boolean): void {
    this.#configurations.reloaded('authorization', success);
  }

  asked(name: string, result: string, seconds: number): void {
    this.#evaluations.at(name, result).add();
    this.#durations.at(name, result).observe(seconds);
  }

  failedOpen(name: string, result: string): void {
    this.#failOpens.at(name, result).add();
  }

  matched(name: string, verdict: 'matches' | 'excluded' | 'failed', seconds: number): void {
    if (verdict === 'excluded') this.#exclusions.at(name, 'Webhook').add();
    if (verdict === 'failed') this.#matchErrors.at(name, 'Webhook').add();
    this.#matchSeconds.at(name, 'Webhook').observe(seconds);
  }
}
