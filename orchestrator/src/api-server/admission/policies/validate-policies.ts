import { ApiError, type ValidatingAdmissionPolicyBindingSpec, type ValidatingAdmissionPolicySpec } from '@berth/kube';
import { CompiledPolicy, type PolicyVerdict } from '../../../cel/admission/compile-policy.ts';
import { withDecisions } from '../../../cel/admission/decisions.ts';
import type { SentInput } from '../../../cel/offload/evaluation-task.ts';
import { evaluateAside, patience } from '../../../cel/offload/evaluation-thread.ts';
import type { Authorizer } from '../../authorizer.ts';
import { evaluatingCost } from '../../decoding/costs.ts';
import { inTurns } from '../../decoding/in-steps.ts';
import { turns } from '../../decoding/turns.ts';
import type { PolicyCheckResult, PolicyMetrics } from '../../metrics/policy-metrics.ts';
import type { AnyObject, ResourceDefinition } from '../../resource-definition.ts';
import { forbidden } from '../../resource-errors.ts';
import type { ServerContext } from '../../server-context.ts';
import type { AdmissionRequest } from '../admission.ts';
import { policyInput } from './policy-input.ts';
import type { BoundPolicy } from './policy-list.ts';
import { matchedDefinition } from './policy-match.ts';
import { PolicyConfigError, paramsOf } from './policy-params.ts';

export interface PolicyParts {
  readonly context: ServerContext;
  readonly authorizer: Authorizer;
  readonly metrics?: PolicyMetrics | undefined;
}

/** Why a policy refuses. */
interface Denial {
  readonly policy: string;
  readonly binding?: string;
  readonly message: string;
  readonly reason?: string;
}

const compiled = new WeakMap<AnyObject, Promise<CompiledPolicy>>();
const maxAnnotation = 10 * 1024;

/** Asks every policy; the first refusal is told (policy/validating/dispatcher.go). @throws ApiError */
export async function validatePolicies(
  policies: readonly BoundPolicy[],
  request: AdmissionRequest,
  parts: PolicyParts,
): Promise<void> {
  const denials: Denial[] = [];
  for (const bound of policies)
    denials.push(...(await new PolicyCheck(bound.policy, request, parts).run(bound.bindings)));
  const [first] = denials;
  if (first) throw denied(request, first);
}

class PolicyCheck {
  readonly #policy: AnyObject;
  readonly #spec: ValidatingAdmissionPolicySpec;
  readonly #request: AdmissionRequest;
  readonly #parts: PolicyParts;
  readonly #denials: Denial[] = [];
  readonly #annotations = new Map<string, Set<string>>();

  constructor(policy: AnyObject, request: AdmissionRequest, parts: PolicyParts) {
    this.#policy = policy;
    this.#spec = (policy['spec'] ?? {}) as ValidatingAdmissionPolicySpec;
    this.#request = request;
    this.#parts = parts;
  }

  async run(bindings: readonly AnyObject[]): Promise<readonly Denial[]> {
    const { context } = this.#parts;
    const definition = await matchedDefinition(this.#spec.matchConstraints ?? {}, context, this.#request);
    if (!definition) return [];
    for (const binding of bindings) {
      const spec = (binding['spec'] ?? {}) as ValidatingAdmissionPolicyBindingSpec;
      if (spec.matchResources && !(await matchedDefinition(spec.matchResources, context, this.#request))) continue;
      await this.#bound(definition, binding.metadata.name ?? '', spec);
    }
    for (const [key, values] of this.#annotations)
      this.#request.audit?.annotate(`${this.#name}/${key}`, [...values].join(', '));
    return this.#denials;
  }

  get #name(): string {
    return this.#policy.metadata.name ?? '';
  }

  async #bound(
    definition: ResourceDefinition,
    binding: string,
    spec: ValidatingAdmissionPolicyBindingSpec,
  ): Promise<void> {
    const { namespace } = this.#request;
    try {
      const place = { kind: this.#spec.paramKind, ref: spec.paramRef, namespace };
      const params = await paramsOf(this.#parts.context, place);
      if (params.length === 0) return;
      const { authorizer, ...input } = await policyInput(definition, this.#request, this.#parts);
      for (const each of params) {
        const began = this.#parts.context.clock.monotonicMs();
        const verdict = await this.#evaluate({ ...input, params: each }, authorizer);
        this.#settle(verdict, spec, { binding, seconds: (this.#parts.context.clock.monotonicMs() - began) / 1000 });
      }
    } catch (error) {
      if (!(error instanceof PolicyConfigError)) throw error;
      if (this.#spec.failurePolicy === 'Ignore') return;
      const about = error.of === 'binding' ? { binding } : {};
      this.#denials.push({ policy: this.#name, message: error.message, ...about });
    }
  }

  async #evaluate(input: SentInput, authorizer: Authorizer): Promise<PolicyVerdict> {
    // There may be hundreds of policies about one object.
    const pause = turns.goOn(evaluatingCost(this.#spec));
    if (pause) await pause;
    const program = await this.#compiled();
    const spec = this.#spec;
    return withDecisions<PolicyVerdict>(authorizer, {
      here: (decide) => program.run(input, decide, patience),
      aside: async (known) => {
        const reply = await evaluateAside({ type: 'policy', spec, input, known }).catch((error: Error) => {
          throw new PolicyConfigError('policy', error.message);
        });
        if (reply.type === 'undecided') return { undecided: reply.attributes };
        if (reply.type === 'policy') return reply.verdict;
        throw new PolicyConfigError('policy', 'operation cancelled');
      },
    });
  }

  #compiled(): Promise<CompiledPolicy> {
    let program = compiled.get(this.#policy);
    if (!program) {
      program = inTurns(CompiledPolicy.compiling(this.#spec));
      compiled.set(this.#policy, program);
    }
    return program;
  }

  #settle(
    { decisions, annotations }: PolicyVerdict,
    { validationActions = [] }: ValidatingAdmissionPolicyBindingSpec,
    { binding, seconds }: { readonly binding: string; readonly seconds: number },
  ): void {
    const checked = (action: PolicyCheckResult['action'], message: string) =>
      this.#parts.metrics?.checked({ policy: this.#name, binding, action, message, seconds });
    for (const [index, decision] of decisions.entries()) {
      if (decision.action === 'admit') {
        if (decision.failed !== undefined) checked('allow', decision.failed);
        continue;
      }
      const { message, reason } = decision;
      const denial = { policy: this.#name, binding, message, ...(reason === undefined ? {} : { reason }) };
      for (const action of validationActions) {
        checked(action.toLowerCase() as PolicyCheckResult['action'], message);
        if (action === 'Deny') this.#denials.push(denial);
        else if (action === 'Warn')
          this.#request.warn(
            `Validation failed for ValidatingAdmissionPolicy '${this.#name}' with binding '${binding}': ${message}`,
          );
        else this.#audit(denial, index, validationActions);
      }
    }
    for (const annotation of annotations) {
      if (annotation.type === 'error') {
        this.#denials.push({ policy: this.#name, binding, message: annotation.message });
        checked('deny', annotation.message);
        continue;
      }
      const values = this.#annotations.get(annotation.key) ?? new Set();
      values.add(annotation.value.slice(0, maxAnnotation));
      this.#annotations.set(annotation.key, values);
    }
  }

  #audit(
    { policy, binding = '', message }: Denial,
    expressionIndex: number,
    validationActions: readonly string[],
  ): void {
    const failure = { message, policy, binding, expressionIndex, validationActions };
    this.#request.audit?.annotate('validation.policy.admission.k8s.io/validation_failure', JSON.stringify([failure]));
  }
}

const codes: Readonly<Record<string, number>> = {
  Forbidden: 403,
  Unauthorized: 401,
  RequestEntityTooLarge: 413,
  Invalid: 422,
};

function denied(
  { definition, name }: AdmissionRequest,
  { policy, binding, message, reason = 'Invalid' }: Denial,
): ApiError {
  const by = binding === undefined ? '' : ` with binding '${binding}'`;
  const text = `ValidatingAdmissionPolicy '${policy}'${by} denied request: ${message}`;
  const { status } = forbidden(definition, name, text);
  return new ApiError({
    ...status,
    reason: reason as NonNullable<typeof status.reason>,
    code: codes[reason] ?? 422,
    details: { ...status.details, causes: [{ message: text }] },
  });
}
