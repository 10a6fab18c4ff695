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
  | { readonly do: 'createClaims'; readonly pod: Pod; readonly ordinal: number }
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
  /** More pods are not made in this round. */
  readonly maxCreates: number;
}

/**
 * The next steps towards what the set asks for; those it leaves out come when these are done. OrderedReady takes one at a time and waits for each pod to be available;
 * Parallel takes all (updateStatefulSet in stateful_set_control.go).
 */
export function planSteps(input: PlanInput): Step[] {
  const { set, now } = input;
  if (set.metadata.deletionTimestamp) return [];
  const ordered = (set.spec?.podManagementPolicy ?? 'OrderedReady') === 'OrderedReady';
  const { replicas, condemned } = split(input);
  const revisionAt = revisionForNew(input);
  const steps: Step[] = [];
  for (const ordinal of ordinals(set, replicas, ordered ? 1 : input.maxCreates)) {
    const pod = replicas.get(ordinal);
    const step = stepForReplica(set, { ordinal, pod, revision: revisionAt(ordinal) });
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

/** Pods by ordinal; the ordinals that have none may be very many, and are listed nowhere. */
function split({ set, pods }: PlanInput) {
  const start = startOrdinal(set);
  const end = start + (set.spec?.replicas ?? 1);
  const replicas = new Map<number, Pod>();
  const condemned: Pod[] = [];
  for (const pod of pods) {
    const ordinal = ordinalOf(set, pod);
    if (ordinal >= start && ordinal < end) replicas.set(ordinal, pod);
    else if (ordinal >= 0) condemned.push(pod);
  }
  return { replicas, condemned: condemned.sort((a, b) => ordinalOf(set, b) - ordinalOf(set, a)) };
}

/** In order, those that have a pod, and of the others the first `maxCreates`. */
function* ordinals(set: StatefulSet, replicas: ReadonlyMap<number, Pod>, maxCreates: number): Generator<number> {
  const start = startOrdinal(set);
  const end = start + (set.spec?.replicas ?? 1);
  let ordinal = start;
  for (let missing = 0; ordinal < end; ordinal++) {
    if (!replicas.has(ordinal) && ++missing > maxCreates) break;
    yield ordinal;
  }
  yield* [...replicas.keys()].filter((other) => other >= ordinal).sort((a, b) => a - b);
}

interface Replica {
  readonly ordinal: number;
  readonly pod: Pod | undefined;
  /** Of a pod that would be made now. */
  readonly revision: string;
}

function stepForReplica(set: StatefulSet, { ordinal, pod, revision }: Replica): Step | undefined {
  if (!pod) return { do: 'create', ordinal, revision };
  if ((isFailed(pod) || isSucceeded(pod)) && !isTerminating(pod)) return { do: 'replace', pod, ordinal, revision };
  if (isTerminating(pod)) return undefined;
  if (!identityMatches(set, pod) || !storageMatches(set, pod)) return { do: 'repair', pod, ordinal };
  return isPending(pod) && !pod.spec?.nodeName ? { do: 'createClaims', pod, ordinal } : undefined;
}

/** Below the partition, or while the current revision still rolls out, a new pod is of the current revision. */
function revisionForNew({ set, pods, currentRevision, updateRevision }: PlanInput): (ordinal: number) => string {
  if (set.spec?.updateStrategy?.type === 'OnDelete') return () => updateRevision;
  const partition = set.spec?.updateStrategy?.rollingUpdate?.partition;
  const ofCurrent = pods.filter(
    (pod) => pod.metadata.labels?.[labels.revision] === currentRevision && isCreated(pod) && !isTerminating(pod),
  ).length;
  const end = startOrdinal(set) + (partition ?? ofCurrent);
  return (ordinal) => (ordinal < end ? currentRevision : updateRevision);
}

interface ScaleDown {
  readonly steps: Step[];
  readonly blocked: boolean;
}

/** Highest ordinal first; OrderedReady waits for each to be gone, and deletes only an unhealthy pod before the others are healthy. */
function scaleDown(
  { set, now }: PlanInput,
  replicas: ReadonlyMap<number, Pod>,
  condemned: readonly Pod[],
  ordered: boolean,
): ScaleDown {
  const steps: Step[] = [];
  const unhealthy = [...replicas.values(), ...condemned]
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

/**
 * Replaces the highest pod of an old revision once all above it are available, never below the partition. Pods below it do not hold
 * it up: where a set is `Parallel`, that is how a broken one comes to be replaced.
 */
function rollingUpdate({ set, updateRevision, now }: PlanInput, replicas: ReadonlyMap<number, Pod>): Step[] {
  if (set.spec?.updateStrategy?.type === 'OnDelete') return [];
  const lowest = startOrdinal(set) + (set.spec?.updateStrategy?.rollingUpdate?.partition ?? 0);
  let target = startOrdinal(set) + (set.spec?.replicas ?? 1);
  while (--target >= lowest) {
    const pod = replicas.get(target);
    if (!pod || isTerminating(pod)) return [];
    if (pod.metadata.labels?.[labels.revision] !== updateRevision) return [{ do: 'delete', pod, why: 'update' }];
    if (!isRunningAndAvailable(pod, set, now)) return [];
  }
  return [];
}
