import type { MutatingAdmissionPolicySpec } from '@berth/kube';
import type { FieldError } from '../../api-server/resource-definition.ts';
import { child, invalid, notSupported, required } from '../../api-server/resources/field.ts';
import type { CelType } from '../language/cel-type.ts';
import { conditionErrors, variableErrors } from './check-expressions.ts';
import { mutationCompiler } from './compile-mutations.ts';
import { ExpressionCompiler } from './expression-compiler.ts';
import { applyType, jsonPatchType } from './patch-types.ts';

/** What is wrong with the expressions of a mutating policy and with what stands beside them. */
export function mutationExpressionErrors(spec: MutatingAdmissionPolicySpec): FieldError[] {
  const { matchConditions = [], variables = [], mutations = [], paramKind, reinvocationPolicy } = spec;
  const compiler = mutationCompiler(spec);
  for (const { name = '', expression = '' } of variables) compiler.compileVariable(name, expression);
  // What makes patches is no part of a variable yet.
  const plain = new ExpressionCompiler({ hasParams: paramKind !== undefined, hasVariables: true });
  const policies = ['IfNeeded', 'Never'];
  return [
    ...conditionErrors(matchConditions, 'spec.matchConditions', paramKind !== undefined),
    ...variableErrors(plain, { variables }),
    ...mutations.flatMap((mutation, i) => mutationErrors(compiler, mutation, `spec.mutations[${i}]`)),
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

function mutationErrors(compiler: ExpressionCompiler, mutation: Mutation, path: string): FieldError[] {
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
    const { error } = compiler.compile(text, [wanted]);
    if (error !== undefined) errors.push(invalid(at, text, error));
  }
  if (mutation[other])
    errors.push(invalid(child(path, other), `{${other}}`, `must not be specified when patchType is ${patchType}`));
  return errors;
}
