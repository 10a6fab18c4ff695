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
  readonly #validating = new PolicyList('validatingadmissionpolicies', 'validatingadmissionpolicybindings');

  /** `authorizer` is asked for at each request: it is made after admission. */
  constructor(context: ServerContext, authorizer: () => Authorizer) {
    this.#context = context;
    this.#authorizer = authorizer;
  }

  async start(log: Logger, signal: AbortSignal): Promise<void> {
    await this.#validating.start(this.#context, { log, signal });
  }

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
