import type { Logger } from '@berth/kit';
import type { Authorizer } from '../../authorizer.ts';
import type { ServerContext } from '../../server-context.ts';
import { isExempt } from '../../webhook/admission/invocation.ts';
import type { AdmissionPlugin } from '../admission.ts';
import { PolicyList } from './policy-list.ts';

/** Admission by policies: they and their bindings are followed; without any a request costs nothing more. */
export class PolicyAdmission {
  readonly #context: ServerContext;
  readonly #authorizer: () => Authorizer;
  readonly #mutating = new PolicyList('mutatingadmissionpolicies', 'mutatingadmissionpolicybindings');
  readonly #validating = new PolicyList('validatingadmissionpolicies', 'validatingadmissionpolicybindings');

  /** `authorizer` is asked for at each request: it is made after admission. */
  constructor(context: ServerContext, authorizer: () => Authorizer) {
    this.#context = context;
    this.#authorizer = authorizer;
  }

  async start(log: Logger, signal: AbortSignal): Promise<void> {
    await Promise.all([this.#mutating, this.#validating].map((list) => list.start(this.#context, { log, signal })));
  }

  /** The plugin MutatingAdmissionPolicy. */
  readonly mutate: AdmissionPlugin = (request) => {
    const { bound } = this.#mutating;
    if (bound.length === 0 || isExempt(request)) return undefined;
    return (async () => {
      const { mutateByPolicies } = await import('./mutate-policies.ts');
      await mutateByPolicies(bound, request, { context: this.#context, authorizer: this.#authorizer() });
    })();
  };

  /** The plugin ValidatingAdmissionPolicy. */
  readonly validate: AdmissionPlugin = (request) => {
    const { bound } = this.#validating;
    if (bound.length === 0 || isExempt(request)) return undefined;
    return (async () => {
      const { validatePolicies } = await import('./validate-policies.ts');
      await validatePolicies(bound, request, { context: this.#context, authorizer: this.#authorizer() });
    })();
  };
}
