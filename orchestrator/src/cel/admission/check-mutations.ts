import type { MutatingAdmissionPolicySpec } from '@berth/kube';
import { each, inTurns, type Steps } from '../../api-server/decoding/in-steps.ts';
import type { FieldError } from '../../api-server/resource-definition.ts';
import { child, invalid, notSupported, required } from '../../api-server/resources/field.ts';
import type { CelType } from '../language/cel-type.ts';
import { checkingConditions, checkingVariables } from './check-expressions.ts';
import { mutationCompiler } from './compile-mutations.ts';
import { ExpressionCompiler } from './expression-compiler.ts';
import { applyType, jsonPatchType } from './patch-types.ts';

/** What is wrong with the expressions of a mutating policy and with what stands beside them. */
export function mutationExpressionErrors(spec: MutatingAdmissionPolicySpec): Promise<FieldError[]> {
  return inTurns(checkingPolicy(spec));
}

function* checkingPolicy(spec: MutatingAdmissionPolicySpec): Steps<FieldError[]> {
  const { matchConditions = [], variables = [], mutations = [], paramKind, reinvocationPolicy } = spec;
  const compiler = mutationCompiler(spec);
  for (const { name = '', expression = '' } of variables) yield* compiler.compilingVariable(name, expression);
  // What makes patches is no part of a variable yet.
  const plain = new ExpressionCompiler({ hasParams: paramKind !== undefined, hasVariables: true });
  const policies = ['IfNeeded', 'Never'];
  return [
    ...(yield* checkingConditions(matchConditions, 'spec.matchConditions', paramKind !== undefined)),
    ...(yield* checkingVariables(plain, { variables })),
    ...(yield* each(mutations, (mutation, i) => checkingMutation(compiler, mutation, `spec.mutations[${i}]`))).flat(),
    ...(reinvocationPolicy ? [] : [required('spec.reinvocationPolicy')]),
    ...(reinvocationPolicy && !policies.includes(reinvocationPolicy)
      ? [notSupported('spec.reinvocationPolicy', reinvocationPolicy, policies)]
      : []),
  ];
}

type Mutation = NonNullable<MutatingAdmissionPolicySpec['mutations']>[number];

const kinds = {
  JSONPatch: { field: 'jsonPatch', other: 'applyConfiguration', wanted: jsonPatchType },
  ApplyConfiguration: { field: 'applyConfiguration', other: 'jsonPatch', wanted: applyType },
} as const satisfies Record<string, { field: keyof Mutation; other: keyof Mutation; wanted: CelType }>;

function* checkingMutation(compiler: ExpressionCompiler, mutation: Mutation, path: string): Steps<FieldError[]> {
  const { patchType = '' } = mutation;
  if (patchType === '') return [required(child(path, 'patchType'))];
  if (!Object.hasOwn(kinds, patchType))
    return [notSupported(child(path, 'patchType'), patchType, ['ApplyConfiguration', 'JSONPatch'])];
  const { field, other, wanted } = kinds[patchType as keyof typeof kinds];
  const errors: FieldError[] = [];
  const given = mutation[field];
  const at = child(child(path, field), 'expression');
  const text = given?.expression?.trim() ?? '';
  if (!given) errors.push(required(child(path, field), `must be specified when patchType is ${patchType}`));
  else if (text === '') errors.push(required(at));
  else {
    const { error } = yield* compiler.compiling(text, [wanted]);
    if (error !== undefined) errors.push(invalid(at, text, error));
  }
  if (mutation[other])
    errors.push(invalid(child(path, other), `{${other}}`, `must not be specified when patchType is ${patchType}`));
  return errors;
}
