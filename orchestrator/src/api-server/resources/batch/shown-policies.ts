import {
  type PodFailurePolicy,
  type PodFailurePolicyRule,
  type SuccessPolicy,
  type SuccessPolicyRule,
  withSentEmpty,
} from '@berth/kube';

/** Policies of jobs as Go shows the unversioned ones in errors. */

export function shownFailurePolicy(policy: PodFailurePolicy | undefined): object | null {
  if (!policy) return null;
  const rules = listOf<PodFailurePolicyRule>(policy, 'rules')?.map((rule) => ({
    Action: rule.action ?? '',
    OnExitCodes: rule.onExitCodes ? shownCodes(rule.onExitCodes) : null,
    OnPodConditions: shownConditions(rule),
  }));
  return { Rules: rules ?? null };
}

function shownConditions(rule: PodFailurePolicyRule): object | null {
  const conditions = listOf<{ readonly type?: string; readonly status?: string }>(rule, 'onPodConditions');
  return conditions?.map(({ type = '', status = '' }) => ({ Type: type, Status: status })) ?? null;
}

function shownCodes(codes: NonNullable<PodFailurePolicyRule['onExitCodes']>): object {
  const { containerName = null, operator = '' } = codes;
  return { ContainerName: containerName, Operator: operator, Values: listOf(codes, 'values') ?? null };
}

/** A list, also one that was sent though nothing is in it. */
function listOf<T>(holder: object, name: string): readonly T[] | undefined {
  return (withSentEmpty(holder, name) ?? undefined) as readonly T[] | undefined;
}

export function shownSuccessPolicy(policy: SuccessPolicy | undefined): object | null {
  if (!policy) return null;
  const rules = listOf<SuccessPolicyRule>(policy, 'rules')?.map(({ succeededIndexes, succeededCount }) => ({
    SucceededIndexes: succeededIndexes ?? null,
    SucceededCount: succeededCount ?? null,
  }));
  return { Rules: rules ?? null };
}
