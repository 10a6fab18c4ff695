import type { Pod } from '@berth/kube';

/** What a pod that names no priority class has (component-helpers PodPriority). */
const defaultPriority = 0;

export function priorityOf({ spec }: Pod): number {
  return spec?.priority ?? defaultPriority;
}

/** When it began, or `now` where it has not (scheduler/util GetPodStartTime). */
export function startOf({ status }: Pod, now: number): number {
  return status?.startTime ? Date.parse(status.startTime) : now;
}

/** Orders pods by importance, most first: by priority, then the older (scheduler/util MoreImportantPod). */
export function byImportance(now: number): (a: Pod, b: Pod) => number {
  return (a, b) => priorityOf(b) - priorityOf(a) || startOf(a, now) - startOf(b, now);
}
