import { rfc3339 } from '@berth/kit';
import type { CustomResourceDefinition, CustomResourceDefinitionCondition } from '@berth/kube';

export type ConditionType =
  | 'NamesAccepted'
  | 'Established'
  | 'Terminating'
  | 'NonStructuralSchema'
  | 'KubernetesAPIApprovalPolicyConformant';

export interface Condition {
  readonly type: ConditionType;
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason: string;
  readonly message: string;
}

type Definition = Pick<CustomResourceDefinition, 'status'>;

export function findCondition(
  { status }: Definition,
  type: ConditionType,
): CustomResourceDefinitionCondition | undefined {
  return status?.conditions?.find((condition) => condition.type === type);
}

export function isConditionTrue(definition: Definition, type: ConditionType): boolean {
  return findCondition(definition, type)?.status === 'True';
}

/** Puts a condition in place of the one of its type; its time is that of the last change of status. */
export function withCondition(
  conditions: readonly CustomResourceDefinitionCondition[],
  condition: Condition,
  now: number,
): CustomResourceDefinitionCondition[] {
  const before = conditions.find(({ type }) => type === condition.type);
  const since = before?.status === condition.status ? before.lastTransitionTime : undefined;
  const next = {
    type: condition.type,
    status: condition.status,
    lastTransitionTime: since ?? rfc3339(now),
    reason: condition.reason,
    message: condition.message,
  };
  return before ? conditions.map((each) => (each === before ? next : each)) : [...conditions, next];
}

/** The same in everything but time. */
export function isSameCondition(a: Condition | undefined, b: CustomResourceDefinitionCondition | undefined): boolean {
  return a?.status === b?.status && a?.reason === b?.reason && a?.message === b?.message;
}
