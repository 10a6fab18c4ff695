import type { MutatingAdmissionPolicySpec } from '@berth/kube';
import { each, type Steps } from '../../api-server/decoding/in-steps.ts';
import type { Decide } from '../library/authorization.ts';
import type { SentInput } from '../offload/evaluation-task.ts';
import { isList } from '../values/cel-list.ts';
import { isMap } from '../values/cel-map.ts';
import { toJson } from '../values/to-json.ts';
import type { Value } from '../values/value.ts';
import {
  compilingConditions,
  compilingVariables,
  matchConditions,
  type NamedExpression,
} from './compile-match-conditions.ts';
import { type Expression, ExpressionCompiler } from './expression-compiler.ts';
import { ExpressionRun, OutOfBudget } from './expression-run.ts';
import type { MatchVerdict } from './match-conditions.ts';
import { applyType, jsonPatchType, misnamed, patchFunctions, patchObject } from './patch-types.ts';

/** For one mutation (celconfig.RuntimeCELCostBudget). */
const budget = 10_000_000;

export type Mutation =
  | { readonly type: 'apply'; readonly configuration: Record<string, unknown> }
  | { readonly type: 'patch'; readonly operations: readonly object[] }
  | { readonly type: 'error'; readonly message: string };

interface MutationParts {
  readonly failurePolicy: string;
  readonly variables: ReadonlyMap<string, Expression>;
  readonly conditions: readonly NamedExpression[];
  readonly mutations: readonly { readonly type: 'apply' | 'patch'; readonly expression: Expression }[];
}

/** A MutatingAdmissionPolicy, ready to run (policy/mutating/compilation.go). */
export class CompiledMutations {
  readonly #failurePolicy: string;
  readonly #variables: ReadonlyMap<string, Expression>;
  readonly #conditions: readonly NamedExpression[];
  readonly #mutations: MutationParts['mutations'];

  private constructor(parts: MutationParts) {
    this.#failurePolicy = parts.failurePolicy;
    this.#variables = parts.variables;
    this.#conditions = parts.conditions;
    this.#mutations = parts.mutations;
  }

  static *compiling(spec: MutatingAdmissionPolicySpec): Steps<CompiledMutations> {
    const compiler = mutationCompiler(spec);
    return new CompiledMutations({
      failurePolicy: spec.failurePolicy ?? 'Fail',
      variables: yield* compilingVariables(compiler, spec.variables ?? []),
      conditions: yield* compilingConditions(compiler, spec.matchConditions ?? []),
      mutations: yield* each(spec.mutations ?? [], function* ({ patchType, applyConfiguration, jsonPatch }) {
        const isPatch = patchType === 'JSONPatch';
        const { expression = '' } = (isPatch ? jsonPatch : applyConfiguration) ?? {};
        return {
          type: isPatch ? ('patch' as const) : ('apply' as const),
          expression: yield* compiler.compiling(expression, [isPatch ? jsonPatchType : applyType]),
        };
      }),
    });
  }

  /** @throws TooLong */
  match(input: SentInput, decide: Decide, patience: number): MatchVerdict {
    const options = { failurePolicy: this.#failurePolicy, decide, variables: this.#variables, patience };
    return matchConditions(this.#conditions, input, options);
  }

  /** What the n-th mutation does to the object. @throws TooLong */
  mutation(
    index: number,
    input: SentInput,
    { decide, patience }: { readonly decide: Decide; readonly patience: number },
  ): Mutation {
    const mutation = this.#mutations[index];
    if (!mutation) return { type: 'error', message: 'there is no such mutation' };
    const { error } = mutation.expression;
    if (error !== undefined) return { type: 'error', message: error };
    const run = new ExpressionRun(input, { budget, decide, variables: this.#variables, patience });
    try {
      const outcome = run.evaluate(mutation.expression);
      if ('error' in outcome) return { type: 'error', message: outcome.error };
      return mutation.type === 'apply' ? configurationOf(outcome.value) : operationsOf(outcome.value);
    } catch (error) {
      if (error instanceof OutOfBudget) return { type: 'error', message: error.message };
      throw error;
    }
  }
}

export function mutationCompiler({ paramKind }: MutatingAdmissionPolicySpec) {
  return new ExpressionCompiler({
    hasParams: paramKind !== undefined,
    hasVariables: true,
    functions: patchFunctions,
    namedObject: patchObject,
  });
}

function configurationOf(value: Value): Mutation {
  const wrong = misnamed(value, 'Object');
  if (wrong.length > 0) return { type: 'error', message: `type mismatch: ${wrong.join('\n')}` };
  return jsonOr(() => ({ type: 'apply', configuration: toJson(value) as Record<string, unknown> }));
}

function operationsOf(value: Value): Mutation {
  const what = 'type mismatch: JSONPatchType.expression should evaluate to array';
  if (!isList(value)) return { type: 'error', message: what };
  const operations: object[] = [];
  for (const item of value) {
    if (!isMap(item)) return { type: 'error', message: `${what} of JSONPatch` };
    const given = item.find('value') as Value | undefined;
    const wrong = given !== undefined && isMap(given) && given.objectType ? misnamed(given, given.objectType.name) : [];
    if (wrong.length > 0) return { type: 'error', message: `type mismatch: ${wrong.join('\n')}` };
    // What is not told is empty, as Go has it.
    const operation = jsonOr(() => ({
      type: 'patch',
      operations: [{ op: '', path: '', ...(toJson(item) as object) }],
    }));
    if (operation.type !== 'patch') return operation;
    operations.push(...operation.operations);
  }
  return { type: 'patch', operations };
}

function jsonOr(make: () => Mutation): Mutation {
  try {
    return make();
  } catch (error) {
    return { type: 'error', message: `JSONPath valueExpression evaluated to ${(error as Error).message}` };
  }
}
