import type { Pod, StatefulSet, StatefulSetStatus } from '@berth/kube';
import { labels } from './identity.ts';
import { availableInMs, isCreated, isRunningAndReady, isTerminating } from './pod-state.ts';

export interface StatusInput {
  readonly set: StatefulSet;
  readonly pods: readonly Pod[];
  readonly currentRevision: string;
  readonly updateRevision: string;
  readonly collisionCount: number;
  readonly now: number;
  /** How many pods this round has begun to replace by the new revision: they no longer count as current. */
  readonly replacing?: number;
}

/** Counts of the pods there are; zero counts are absent, as Go's omitempty leaves them. */
export function computeStatus({
  set,
  pods,
  currentRevision,
  updateRevision,
  collisionCount,
  now,
  replacing = 0,
}: StatusInput): StatefulSetStatus {
  const created = pods.filter(isCreated);
  const at = (revision: string) =>
    created.filter((pod) => !isTerminating(pod) && pod.metadata.labels?.[labels.revision] === revision).length;
  const ready = created.filter(isRunningAndReady);
  const available = ready.filter((pod) => availableInMs(pod, set.spec?.minReadySeconds ?? 0, now) === 0);
  const counts = {
    replicas: created.length,
    ready: ready.length,
    current: Math.max(0, at(currentRevision) - replacing),
    updated: at(updateRevision),
  };
  const status: StatefulSetStatus = {
    observedGeneration: set.metadata.generation as number,
    replicas: counts.replicas,
    ...(counts.ready > 0 ? { readyReplicas: counts.ready } : {}),
    ...(counts.current > 0 ? { currentReplicas: counts.current } : {}),
    ...(counts.updated > 0 ? { updatedReplicas: counts.updated } : {}),
    currentRevision,
    updateRevision,
    collisionCount,
    availableReplicas: available.length,
  };
  return isComplete(set, counts)
    ? { ...status, currentRevision: updateRevision, currentReplicas: counts.updated }
    : status;
}

/** Every replica runs the new template: it becomes the current one (completeRollingUpdate). */
function isComplete(set: StatefulSet, counts: { replicas: number; ready: number; updated: number }): boolean {
  if (set.spec?.updateStrategy?.type === 'OnDelete') return false;
  const { replicas, ready, updated } = counts;
  return updated > 0 && updated === replicas && ready === replicas && replicas === (set.spec?.replicas ?? 1);
}

export function sameStatus(a: StatefulSetStatus | undefined, b: StatefulSetStatus): boolean {
  const keys = new Set([...Object.keys(a ?? {}), ...Object.keys(b)]) as Set<keyof StatefulSetStatus>;
  return [...keys].every((key) => JSON.stringify(a?.[key]) === JSON.stringify(b[key]));
}

/** The soonest moment a ready pod becomes available, for a look then. */
export function nextAvailableInMs(set: StatefulSet, pods: readonly Pod[], now: number): number | undefined {
  const waits = pods
    .map((pod) => availableInMs(pod, set.spec?.minReadySeconds ?? 0, now))
    .filter((ms) => ms !== undefined && ms > 0);
  return waits.length > 0 ? Math.min(...(waits as number[])) : undefined;
}
