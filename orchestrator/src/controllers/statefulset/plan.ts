import type { Pod, StatefulSet } from '@berth/kube';
import { identityMatches, labels, ordinalOf, startOrdinal, storageMatches } from './identity.ts';
import {
  isCreated,
  isFailed,
  isPending,
  isRunningAndAvailable,
  isRunningAndReady,
  isSucceeded,
  isTerminating,
} from './pod-state.ts';

export type Step =
  /** Claims first, then the pod, at this revision. */
  | { readonly do: 'create'; readonly ordinal: number; readonly revision: string }
  /** A failed or finished pod makes way for a new one of its name. */
  | { readonly do: 'replace'; readonly pod: Pod; readonly ordinal: number; readonly revision: string }
  /** Claims a pending pod waits for are gone: make them again. */
  | { readonly do: 'createClaims'; readonly ordinal: number }
  /** Identity or storage labels drifted. */
  | { readonly do: 'repair'; readonly pod: Pod; readonly ordinal: number }
  | { readonly do: 'delete'; readonly pod: Pod; readonly why: 'scaleDown' | 'update' };

export interface PlanInput {
  readonly set: StatefulSet;
  readonly pods: readonly Pod[];
  readonly currentRevision: string;
  readonly updateRevision: string;
  /** `status.currentReplicas` as counted from the pods. */
  readonly now: number;
}

/**
 * The next steps towards what the set asks for. OrderedReady takes one at a time and waits for each pod to be available;
 * Parallel takes all (updateStatefulSet in stateful_set_control.go).
 */
export function planSteps(input: PlanInput): Step[] {
  const { set, now } = input;
  if (set.metadata.deletionTimestamp) return [];
  const ordered = (set.spec?.podManagementPolicy ?? 'OrderedReady') === 'OrderedReady';
  const { replicas, condemned } = split(input);
  const steps: Step[] = [];
  for (const [ordinal, pod] of replicas) {
    const step = stepForReplica(input, ordinal, pod);
    if (step) steps.push(step);
    const waits =
      !pod ||
      step?.do === 'create' ||
      step?.do === 'replace' ||
      isTerminating(pod) ||
      !isRunningAndAvailable(pod, set, now);
    if (ordered && waits) return steps;
  }
  const down = scaleDown(input, replicas, condemned, ordered);
  steps.push(...down.steps);
  if (down.blocked) return steps;
  return [...steps, ...rollingUpdate(input, replicas)];
}

function split({ set, pods }: PlanInput) {
  const start = startOrdinal(set);
  const end = start + (set.spec?.replicas ?? 1);
  const replicas = new Map<number, Pod | undefined>();
  for (let ordinal = start; ordinal < end; ordinal++) replicas.set(ordinal, undefined);
  const condemned: Pod[] = [];
  for (const pod of pods) {
    const ordinal = ordinalOf(set, pod);
    if (ordinal >= start && ordinal < end) replicas.set(ordinal, pod);
    else if (ordinal >= 0) condemned.push(pod);
  }
  return { replicas, condemned: condemned.sort((a, b) => ordinalOf(set, b) - ordinalOf(set, a)) };
}

function stepForReplica(input: PlanInput, ordinal: number, pod: Pod | undefined): Step | undefined {
  const revision = revisionForNew(input, ordinal);
  if (!pod) return { do: 'create', ordinal, revision };
  if ((isFailed(pod) || isSucceeded(pod)) && !isTerminating(pod)) return { do: 'replace', pod, ordinal, revision };
  if (isTerminating(pod)) return undefined;
  if (!identityMatches(input.set, pod) || !storageMatches(input.set, pod)) return { do: 'repair', pod, ordinal };
  return isPending(pod) && !pod.spec?.nodeName ? { do: 'createClaims', ordinal } : undefined;
}

/** Below the partition, or while the current revision still rolls out, a new pod is of the current revision. */
function revisionForNew({ set, pods, currentRevision, updateRevision }: PlanInput, ordinal: number): string {
  if (set.spec?.updateStrategy?.type === 'OnDelete') return updateRevision;
  const start = startOrdinal(set);
  const partition = set.spec?.updateStrategy?.rollingUpdate?.partition;
  const ofCurrent = pods.filter(
    (pod) => pod.metadata.labels?.[labels.revision] === currentRevision && isCreated(pod) && !isTerminating(pod),
  ).length;
  const below = partition === undefined ? ordinal < start + ofCurrent : ordinal < start + partition;
  return below && currentRevision !== updateRevision ? currentRevision : updateRevision;
}

interface ScaleDown {
  readonly steps: Step[];
  readonly blocked: boolean;
}

/** Highest ordinal first; OrderedReady waits for each to be gone, and deletes only an unhealthy pod before the others are healthy. */
function scaleDown(
  { set, now }: PlanInput,
  replicas: ReadonlyMap<number, Pod | undefined>,
  condemned: readonly Pod[],
  ordered: boolean,
): ScaleDown {
  const steps: Step[] = [];
  const unhealthy = [...[...replicas.values()].filter((pod) => pod !== undefined), ...condemned]
    .filter((pod) => !isRunningAndReady(pod) || isTerminating(pod))
    .sort((a, b) => ordinalOf(set, a) - ordinalOf(set, b))[0];
  for (const pod of condemned) {
    if (isTerminating(pod)) {
      if (ordered) return { steps, blocked: true };
      continue;
    }
    if (ordered && !isRunningAndAvailable(pod, set, now) && pod !== unhealthy) return { steps, blocked: true };
    steps.push({ do: 'delete', pod, why: 'scaleDown' });
    if (ordered) return { steps, blocked: true };
  }
  return { steps, blocked: false };
}

/** Replaces pods of old revisions from the highest ordinal down, `maxUnavailable` at a time, never below the partition. */
function rollingUpdate(
  { set, updateRevision, now }: PlanInput,
  replicas: ReadonlyMap<number, Pod | undefined>,
): Step[] {
  if (set.spec?.updateStrategy?.type === 'OnDelete') return [];
  const strategy = set.spec?.updateStrategy?.rollingUpdate;
  const lowest = startOrdinal(set) + (strategy?.partition ?? 0);
  const limit = maxUnavailable(strategy?.maxUnavailable, set.spec?.replicas ?? 1);
  const all = [...replicas.entries()];
  let unavailable = all.filter(([, pod]) => !pod || isTerminating(pod) || !isRunningAndAvailable(pod, set, now)).length;
  const steps: Step[] = [];
  for (const [ordinal, pod] of all.reverse()) {
    if (ordinal < lowest || !pod) continue;
    const old = pod.metadata.labels?.[labels.revision] !== updateRevision;
    const healthy = isRunningAndAvailable(pod, set, now);
    if (old && !isTerminating(pod)) {
      // An unhealthy old pod is already counted: replacing it makes nothing worse.
      if (healthy && unavailable >= limit) return steps;
      if (healthy) unavailable++;
      steps.push({ do: 'delete', pod, why: 'update' });
      if (limit === 1) return steps;
    } else if (!healthy && limit === 1) return steps;
  }
  return steps;
}

/** A percentage rounds up, and the result is at least one (KEP-961). */
function maxUnavailable(value: number | string | undefined, replicas: number): number {
  if (value === undefined) return 1;
  const count = typeof value === 'number' ? value : Math.ceil((Number.parseFloat(value) / 100) * replicas);
  return Math.max(1, count);
}
