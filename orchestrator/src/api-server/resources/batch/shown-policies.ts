import type { PodFailurePolicy, SuccessPolicy } from '@berth/kube';

/** Policies of jobs as Go shows the unversioned ones in errors. */

export function shownFailurePolicy(policy: PodFailurePolicy | undefined): object | null {
  if (!policy) return null;
  const rules = (policy.rules ?? []).map(({ action, onExitCodes: codes, onPodConditions: conditions }) => ({
    Action: action ?? '',
    OnExitCodes: codes
      ? { ContainerName: codes.containerName ?? null, Operator: codes.operator ?? '', Values: codes.values ?? null }
      : null,
    OnPodConditions: conditions?.map(({ type, status }) => ({ Type: type ?? '', Status: status ?? '' })) ?? null,
  }));
  return { Rules: rules };
}

export function shownSuccessPolicy(policy: SuccessPolicy | undefined): object | null {
  if (!policy) return null;
  const rules = (policy.rules ?? []).map(({ succeededIndexes, succeededCount }) => ({
    SucceededIndexes: succeededIndexes ?? null,
    SucceededCount: succeededCount ?? null,
  }));
  return { Rules: rules };
}
