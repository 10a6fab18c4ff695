import type { JobSpec, SuccessPolicyRule } from '@berth/kube';
import type { FieldError } from '../../resource-definition.ts';
import { invalid, required, tooLong, tooMany } from '../field.ts';
import { nonNegative } from '../metadata.ts';
import { parseIndexes } from './job-indexes.ts';
import { shownSuccessPolicy } from './shown-policies.ts';

const mostRules = 20;
/** Upstream's maxJobSuccessPolicySucceededIndexesLimit. */
const longestIndexes = 64 * 1024;

/** When an indexed job counts as succeeded before all its pods are through (validateSuccessPolicy). */
export function successPolicyErrors(
  { successPolicy: policy, completionMode, completions = 0 }: JobSpec,
  field: string,
): FieldError[] {
  if (!policy) return [];
  if (completionMode !== 'Indexed')
    return [invalid(field, shownSuccessPolicy(policy), 'requires indexed completion mode')];
  const list = `${field}.rules`;
  const { rules = [] } = policy;
  return [
    ...(rules.length === 0
      ? [required(list, 'at least one rules must be specified when the successPolicy is specified')]
      : []),
    ...(rules.length > mostRules ? [tooMany(list, rules.length, mostRules)] : []),
    ...rules.flatMap((rule, index) => ruleErrors(rule, completions, `${list}[${index}]`)),
  ];
}

function ruleErrors(rule: SuccessPolicyRule, completions: number, field: string): FieldError[] {
  const { succeededCount, succeededIndexes } = rule;
  if (succeededCount === undefined && succeededIndexes === undefined)
    return [required(field, 'at least one of succeededCount or succeededIndexes must be specified')];
  const path = `${field}.succeededCount`;
  const count = succeededCount ?? 0;
  const most = (limit: number, what: string) => `must be less than or equal to ${limit} (the number of ${what})`;
  const named = succeededIndexes === undefined ? undefined : parseIndexes(succeededIndexes, completions);
  const total = named && 'total' in named ? named.total : 0;
  return [
    ...indexErrors(succeededIndexes ?? '', completions, `${field}.succeededIndexes`),
    ...nonNegative(count, path),
    ...(count > completions ? [invalid(path, count, most(completions, 'specified completions'))] : []),
    ...(named && count > total
      ? [invalid(path, count, most(total, 'indexes in the specified succeededIndexes field'))]
      : []),
  ];
}

function indexErrors(indexes: string, completions: number, field: string): FieldError[] {
  const read = parseIndexes(indexes, completions);
  return [
    ...(Buffer.byteLength(indexes) > longestIndexes ? [tooLong(field, longestIndexes)] : []),
    ...('problem' in read ? [invalid(field, indexes, `error parsing succeededIndexes: ${read.problem}`)] : []),
  ];
}
