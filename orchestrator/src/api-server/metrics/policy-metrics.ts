import type { Counter, Histogram, MetricRegistry, SeriesOf } from '../../metrics/metric-registry.ts';

/** Upstream's buckets (admission/plugin/policy/validating/metrics). */
const bounds = [0.000_000_5, 0.001, 0.01, 0.1, 1];
const about = ['enforcement_action', 'error_type', 'policy', 'policy_binding'];

/** What a validating policy made of a request by one of its bindings. */
export interface PolicyCheckResult {
  readonly policy: string;
  readonly binding: string;
  /** `allow`: it failed, and was passed over. */
  readonly action: 'allow' | 'deny' | 'audit' | 'warn';
  readonly message: string;
  readonly seconds: number;
}

/** Checks of validating policies that passed not without a word, under upstream's names. */
export class PolicyMetrics {
  readonly #total: SeriesOf<Counter>;
  readonly #seconds: SeriesOf<Histogram>;

  constructor(registry: MetricRegistry) {
    const name = 'apiserver_validating_admission_policy_check';
    this.#total = registry.counter(`${name}_total`, 'Checks of policies that refused, warned or failed.', about);
    this.#seconds = registry.histogram(`${name}_duration_seconds`, 'How long such checks took.', about, bounds);
  }

  checked({ policy, binding, action, message, seconds }: PolicyCheckResult): void {
    const labels = [action, errorType(message), policy, binding];
    this.#total.at(...labels).add();
    this.#seconds.at(...labels).observe(seconds);
  }
}

/** In whose words expressions fail, told in `cel/admission`. */
function errorType(message: string): string {
  if (message.startsWith('compilation error')) return 'compile_error';
  return message.includes('running out of cost budget') ? 'out_of_budget' : 'invalid_error';
}
