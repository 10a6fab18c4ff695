import type { Pod, StatefulSet } from '@berth/kube';

/** Questions about a pod, as the StatefulSet controller asks them (stateful_set_utils.go). */
export const isCreated = (pod: Pod): boolean => Boolean(pod.status?.phase);
export const isPending = (pod: Pod): boolean => pod.status?.phase === 'Pending';
export const isFailed = (pod: Pod): boolean => pod.status?.phase === 'Failed';
export const isSucceeded = (pod: Pod): boolean => pod.status?.phase === 'Succeeded';
export const isTerminating = (pod: Pod): boolean => pod.metadata.deletionTimestamp !== undefined;

export function isRunningAndReady(pod: Pod): boolean {
  return pod.status?.phase === 'Running' && isReady(pod);
}

/** As its node says, whatever its phase (pkg/api/v1/pod IsPodReady). */
export function isReady(pod: Pod): boolean {
  return readyCondition(pod)?.status === 'True';
}

/** Milliseconds until the pod counts as available: 0 when it does, undefined while it is not even ready. */
export function availableInMs(pod: Pod, minReadySeconds: number, now: number): number | undefined {
  if (!isRunningAndReady(pod)) return undefined;
  if (minReadySeconds === 0) return 0;
  const since = Date.parse(readyCondition(pod)?.lastTransitionTime ?? '');
  return Number.isNaN(since) ? minReadySeconds * 1000 : Math.max(0, since + minReadySeconds * 1000 - now);
}

export function isRunningAndAvailable(pod: Pod, set: StatefulSet, now: number): boolean {
  return availableInMs(pod, set.spec?.minReadySeconds ?? 0, now) === 0;
}

function readyCondition(pod: Pod) {
  return pod.status?.conditions?.find(({ type }) => type === 'Ready');
}
