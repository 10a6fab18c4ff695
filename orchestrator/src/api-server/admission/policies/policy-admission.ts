import type { Logger } from '@berth/kit';
import type { Authorizer } from '../../authorizer.ts';
import type { PolicyMetrics } from '../../metrics/policy-metrics.ts';
import type { ServerContext } from '../../server-context.ts';
import { isExempt } from '../../webhook/admission/invocation.ts';
import type { AdmissionPlugin, AdmissionRequest } from '../admission.ts';
import { PolicyList } from './policy-list.ts';

/** Admission by policies: they and their bindings are followed; without any a request costs nothing more. */
export class PolicyAdmission {
  readonly #context: ServerContext;
  readonly #authorizer: () => Authorizer;
  readonly #mutating = new PolicyList('mutatingadmissionpolicies', 'mutatingadmissionpolicybindings');
  readonly #validating = new PolicyList('validatingadmissionpolicies', 'validatingadmissionpolicybindings');

  readonly #metrics: () => PolicyMetrics | undefined;

  /** Both are asked for at each request: they are made after admission. */
  constructor(
    context: ServerContext,
    authorizer: () => Authorizer,
    metrics: () => PolicyMetrics | undefined = () => undefined,
  ) {
    this.#context = context;
    this.#authorizer = authorizer;
    this.#metrics = metrics;
  }

  async start(log: Logger, signal: AbortSignal): Promise<void> {
    await Promise.all(
      [this.#mutating, this.#validating].map((list) =>
        list.start(this.#context, { log, clock: this.#context.clock, signal }),
      ),
    );
  }

  /** The plugin MutatingAdmissionPolicy. */
  readonly mutate: AdmissionPlugin = (request) => {
    const { bound } = this.#mutating;
    if (bound.length === 0 || isPassedOver(request)) return undefined;
    return (async () => {
      const { mutateByPolicies } = await import('./mutate-policies.ts');
      await mutateByPolicies(bound, request, { context: this.#context, authorizer: this.#authorizer() });
    })();
  };

  /** The plugin ValidatingAdmissionPolicy. */
  readonly validate: AdmissionPlugin = (request) => {
    const { bound } = this.#validating;
    if (bound.length === 0 || isPassedOver(request)) return undefined;
    return (async () => {
      const { validatePolicies } = await import('./validate-policies.ts');
      const parts = { context: this.#context, authorizer: this.#authorizer(), metrics: this.#metrics() };
      await validatePolicies(bound, request, parts);
    })();
  };
}

/** Who asks who somebody is, or what they may, is no policy's affair (kubeapiserver/admission/exclusion): it could end all that hangs on it. */
function isPassedOver(request: AdmissionRequest): boolean {
  const { group } = request.definition;
  return isExempt(request) || group === 'authentication.k8s.io' || group === 'authorization.k8s.io';
}
