import { ApiError, type MutatingAdmissionPolicyBindingSpec, type MutatingAdmissionPolicySpec } from '@berth/kube';
import { CompiledMutations, type Mutation } from '../../../cel/admission/compile-mutations.ts';
import { withDecisions } from '../../../cel/admission/decisions.ts';
import type { MatchVerdict } from '../../../cel/admission/match-conditions.ts';
import type { SentInput } from '../../../cel/offload/evaluation-task.ts';
import { evaluateAside, patience } from '../../../cel/offload/evaluation-thread.ts';
import type { Authorizer } from '../../authorizer.ts';
import { evaluatingCost } from '../../decoding/costs.ts';
import { inTurns } from '../../decoding/in-steps.ts';
import { breathe, isLarge, markLarge } from '../../decoding/large-bodies.ts';
import { turns } from '../../decoding/turns.ts';
import type { AnyObject, ResourceDefinition } from '../../resource-definition.ts';
import { semanticEqual } from '../../resources/equality.ts';
import { inVersion, replaceFields } from '../../webhook/admission/equivalent-objects.ts';
import { isLargePatch } from '../../webhook/admission/hook-patch.ts';
import type { AdmissionRequest } from '../admission.ts';
import { makeUpName } from '../made-up-name.ts';
import { refused } from '../refused.ts';
import { Reinvocation } from '../reinvocation.ts';
import { applyMutation, MutationError } from './apply-mutation.ts';
import { policyInput } from './policy-input.ts';
import type { BoundPolicy } from './policy-list.ts';
import { matchedDefinition } from './policy-match.ts';
import { PolicyConfigError, paramsOf } from './policy-params.ts';
import { PolicyRounds } from './policy-rounds.ts';
import type { PolicyParts } from './validate-policies.ts';

interface Failure {
  readonly message: string;
  /** Of the policy's own expressions, not of how it is bound. */
  readonly invalid: boolean;
}

const compiled = new WeakMap<AnyObject, Promise<CompiledMutations>>();

/** One policy after the other, each sees what those before it changed (policy/mutating/dispatcher.go). @throws ApiError */
export async function mutateByPolicies(
  policies: readonly BoundPolicy[],
  request: AdmissionRequest,
  parts: PolicyParts,
): Promise<void> {
  const reinvocation = request.reinvocation ?? new Reinvocation();
  const rounds = PolicyRounds.of(reinvocation);
  if (reinvocation.again && !semanticEqual(rounds.output, request.object)) rounds.changed();
  rounds.isApplied = false;
  const failures: Failure[] = [];
  for (const bound of policies) {
    const run = new PolicyMutation(bound.policy, { request, parts, rounds, reinvocation });
    failures.push(...(await run.run(bound.bindings)));
  }
  // Upstream's counts what the last one did itself as a change after it.
  if (rounds.isApplied) {
    rounds.changed();
    reinvocation.want();
  }
  if (isLarge(request.object)) await breathe();
  rounds.output = structuredClone(request.object);
  if (failures.length > 0) throw denied(request, failures);
}

interface MutationContext {
  readonly request: AdmissionRequest;
  readonly parts: PolicyParts;
  readonly rounds: PolicyRounds;
  readonly reinvocation: Reinvocation;
}

class PolicyMutation {
  readonly #policy: AnyObject;
  readonly #spec: MutatingAdmissionPolicySpec;
  readonly #about: MutationContext;
  readonly #failures: Failure[] = [];

  constructor(policy: AnyObject, about: MutationContext) {
    this.#policy = policy;
    this.#spec = (policy['spec'] ?? {}) as MutatingAdmissionPolicySpec;
    this.#about = about;
  }

  async run(bindings: readonly AnyObject[]): Promise<readonly Failure[]> {
    const { request, parts } = this.#about;
    const definition = await matchedDefinition(this.#spec.matchConstraints ?? {}, parts.context, request);
    if (!definition) return [];
    for (const binding of bindings) {
      const spec = (binding['spec'] ?? {}) as MutatingAdmissionPolicyBindingSpec;
      if (spec.matchResources && !(await matchedDefinition(spec.matchResources, parts.context, request))) continue;
      await this.#bound(definition, binding.metadata.name ?? '', spec);
    }
    return this.#failures;
  }

  async #bound(
    definition: ResourceDefinition,
    binding: string,
    { paramRef }: MutatingAdmissionPolicyBindingSpec,
  ): Promise<void> {
    const { request, parts } = this.#about;
    try {
      const place = { kind: this.#spec.paramKind, ref: paramRef, namespace: request.namespace };
      for (const params of await paramsOf(parts.context, place)) await this.#invoke(definition, binding, params);
    } catch (error) {
      if (!(error instanceof PolicyConfigError)) throw error;
      this.#fail(error.message, error.of === 'binding' ? binding : undefined, false);
    }
  }

  async #invoke(definition: ResourceDefinition, binding: string, params: AnyObject | null): Promise<void> {
    const { request, parts, rounds, reinvocation } = this.#about;
    const pause = turns.goOn(evaluatingCost(this.#spec));
    if (pause) await pause;
    const { authorizer, ...input } = await policyInput(definition, request, parts);
    const verdict = await this.#match({ ...input, params }, authorizer);
    if (verdict.type === 'error') return this.#fail(verdict.message, binding, true);
    if (verdict.type === 'no match') return;
    const key = JSON.stringify([
      this.#policy.metadata.name,
      binding,
      params?.metadata.namespace,
      params?.metadata.name,
    ]);
    if (reinvocation.again && !rounds.calls(key)) return;
    if (await this.#mutate(definition, binding, params)) {
      rounds.changed();
      reinvocation.want();
    }
    if (this.#spec.reinvocationPolicy === 'IfNeeded') rounds.called(key);
  }

  /** @returns whether the object is another one now. */
  async #mutate(definition: ResourceDefinition, binding: string, params: AnyObject | null): Promise<boolean> {
    const { request, parts, rounds } = this.#about;
    const { context } = parts;
    let changed = false;
    for (const index of (this.#spec.mutations ?? []).keys()) {
      const { authorizer, ...input } = await policyInput(definition, request, parts);
      if (!input.object) continue;
      try {
        const mutation = await this.#mutation(index, { ...input, params }, authorizer);
        if (mutation.type === 'patch' && isLargePatch(mutation.operations)) markLarge(request.object);
        const before = input.object as AnyObject;
        const next = await applyMutation(before, mutation, { definition, context });
        if (isLarge(request.object)) await breathe();
        rounds.isApplied = true;
        if (semanticEqual(before, next)) continue;
        makeUpName(next, request, context.rng);
        replaceFields(request.object, await inVersion(next, definition, request.definition));
        changed = true;
      } catch (error) {
        if (!(error instanceof MutationError)) throw error;
        this.#fail(error.message, binding, true);
      }
    }
    return changed;
  }

  async #match(input: SentInput, authorizer: Authorizer): Promise<MatchVerdict> {
    const spec = this.#spec;
    const program = await this.#program();
    return withDecisions<MatchVerdict>(authorizer, {
      here: (decide) => program.match(input, decide, patience),
      aside: async (known) => {
        const reply = await evaluateAside({ type: 'mutation', spec, index: 'match', input, known });
        if (reply.type === 'undecided') return { undecided: reply.attributes };
        return reply.type === 'conditions' ? reply.verdict : { type: 'error', message: 'operation cancelled' };
      },
    });
  }

  async #mutation(index: number, input: SentInput, authorizer: Authorizer): Promise<Mutation> {
    const spec = this.#spec;
    const program = await this.#program();
    return withDecisions<Mutation>(authorizer, {
      here: (decide) => program.mutation(index, input, { decide, patience }),
      aside: async (known) => {
        const reply = await evaluateAside({ type: 'mutation', spec, index, input, known }).catch((error: Error) => {
          throw new MutationError(error.message);
        });
        if (reply.type === 'undecided') return { undecided: reply.attributes };
        return reply.type === 'mutation' ? reply.mutation : { type: 'error', message: 'operation cancelled' };
      },
    });
  }

  #program(): Promise<CompiledMutations> {
    let program = compiled.get(this.#policy);
    if (!program) {
      program = inTurns(CompiledMutations.compiling(this.#spec));
      compiled.set(this.#policy, program);
    }
    return program;
  }

  #fail(why: string, binding: string | undefined, invalid: boolean): void {
    if (this.#spec.failurePolicy === 'Ignore') return;
    const { name } = this.#policy.metadata;
    const by = binding === undefined ? `policy ${JSON.stringify(name)}` : `policy '${name}' with binding '${binding}'`;
    this.#failures.push({ message: `${by} denied request: ${why}`, invalid });
  }
}

/** The first failure is told, all of them are its causes. */
function denied(request: AdmissionRequest, failures: readonly Failure[]): ApiError {
  const [first] = failures;
  const { status } = refused(request, 'admission request denied by policy');
  return new ApiError({
    ...status,
    message: first?.message ?? '',
    ...(first?.invalid ? { reason: 'Invalid' } : {}),
    details: { ...status.details, causes: failures.map(({ message }) => ({ message })) },
  });
}
