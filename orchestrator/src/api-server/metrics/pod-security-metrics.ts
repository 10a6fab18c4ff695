import type { Counter, MetricRegistry, SeriesOf } from '../../metrics/metric-registry.ts';
import { versionInfo } from '../discovery/version.ts';

/** What PodSecurity was asked about. */
export interface PodSecurityAsked {
  /** `create` */
  readonly operation: string;
  /** `pods`, `deployments` */
  readonly plural: string;
  readonly subresource: string;
}

/** What PodSecurity made of a pod by the policy of one mode. */
export interface PodSecurityEvaluation {
  readonly decision: 'allow' | 'deny';
  readonly mode: 'enforce' | 'audit' | 'warn';
  readonly level: string;
  /** Infinity: the latest. */
  readonly minor: number;
}

/** A policy that could not be read is a failure, yet the strictest may hold. */
export type PodSecurityEvent = { readonly asked: PodSecurityAsked } & (
  | { readonly type: 'evaluated'; readonly evaluation: PodSecurityEvaluation }
  | { readonly type: 'exempted' }
  | { readonly type: 'failed' }
);

/** Hears what PodSecurity does. */
export interface PodSecurityObserver {
  podSecurity(event: PodSecurityEvent): void;
}

/** What PodSecurity does, under upstream's names (pod-security-admission metrics). */
export class PodSecurityMetrics implements PodSecurityObserver {
  readonly #evaluations: SeriesOf<Counter>;
  readonly #exemptions: SeriesOf<Counter>;
  readonly #errors: SeriesOf<Counter>;

  constructor(registry: MetricRegistry) {
    const about = ['request_operation', 'resource', 'subresource'];
    this.#evaluations = registry.counter(
      'pod_security_evaluations_total',
      'Pods held against a policy, but for those that are exempt.',
      ['decision', 'mode', 'policy_level', 'policy_version', ...about],
    );
    this.#exemptions = registry.counter('pod_security_exemptions_total', 'Requests that are exempt.', about);
    this.#errors = registry.counter(
      'pod_security_errors_total',
      'Policies that could not be read; in place of them the strictest may hold.',
      ['fatal', ...about],
    );
    // What is to be expected is there from the beginning.
    for (const operation of ['create', 'update']) {
      this.#evaluations.at('allow', 'enforce', 'privileged', 'latest', operation, 'pod', '');
      for (const resource of ['controller', 'pod']) this.#exemptions.at(operation, resource, '');
    }
  }

  podSecurity(event: PodSecurityEvent): void {
    const labels = labelsOf(event.asked);
    if (event.type === 'exempted') return this.#exemptions.at(...labels).add();
    if (event.type === 'failed') return this.#errors.at('false', ...labels).add();
    const { decision, mode, level, minor } = event.evaluation;
    this.#evaluations.at(decision, mode, level, versionOf(level, minor), ...labels).add();
  }
}

/** Nothing is asked of the privileged, whichever the version. */
function versionOf(level: string, minor: number): string {
  if (level === 'privileged' || minor === Number.POSITIVE_INFINITY) return 'latest';
  return minor > Number(versionInfo.minor) ? 'future' : `v1.${minor}`;
}

function labelsOf({ operation, plural, subresource }: PodSecurityAsked): [string, string, string] {
  return [operation, plural === 'pods' ? 'pod' : 'controller', subresource];
}
