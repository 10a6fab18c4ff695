import { isDeepStrictEqual } from 'node:util';
import { rfc3339 } from '@berth/kit';
import type { Pod, PodCondition, PodStatus } from '@berth/kube';
import { isTerminalPhase } from '../pods/pod-facts.ts';
import type { RuntimePod } from '../pods/runtime-pod.ts';
import { computeConditions } from './compute-conditions.ts';
import { computePhase } from './compute-phase.ts';
import { containerStatuses, type Readiness, type WaitingReason } from './container-statuses.ts';
import { endStatuses } from './end-statuses.ts';
import { qosClassOf } from './pod-qos.ts';

/** Why the kubelet itself ended a pod, such as DeadlineExceeded or OutOfcpu. */
export interface PodVerdict {
  readonly reason: string;
  readonly message: string;
  /** It was never let in: there is nothing to say of its containers. */
  readonly rejected?: boolean;
  /** How long its containers may take to end, whatever the pod says. */
  readonly graceSeconds?: number;
}

/** A resize in place that is under way. */
export interface PodResize {
  /** Of the spec that asked for it first. */
  readonly generation: number | undefined;
  /** Why the last try did not come to its end. */
  readonly error?: string;
  /** When it was tried last. */
  readonly probed?: string | undefined;
}

/** A resize that its node has no room for by now. */
export interface PendingResize {
  /** Of the spec that asks for it. */
  readonly generation: number | undefined;
  /** Deferred: it is tried again when there is room. */
  readonly reason: string;
  readonly message: string;
  /** When it was tried last. */
  readonly probed?: string | undefined;
}

export interface PodStatusInput {
  readonly pod: Pod;
  readonly seen: RuntimePod;
  /** The status last decided on; the API object's where this kubelet has none yet. */
  readonly old: PodStatus;
  readonly waiting: ReadonlyMap<string, WaitingReason>;
  readonly readiness: Readiness;
  readonly runtimeName: string;
  readonly hostIps: readonly string[];
  readonly nowMs: number;
  /** No container will be started again. */
  readonly terminal: boolean;
  /** No container is left: those without an end are taken as killed, and the phase is final. */
  readonly ended?: boolean;
  readonly verdict?: PodVerdict | undefined;
  readonly resize?: PodResize | undefined;
  readonly pending?: PendingResize | undefined;
}

/** The whole status of a pod as the kubelet sees it (kubelet_pods.go generateAPIPodStatus). */
export function computePodStatus(input: PodStatusInput): PodStatus {
  const { pod, old, seen, verdict } = input;
  if (verdict?.rejected) return rejectedStatus(input, verdict);
  let statuses = containerStatuses({ ...input, old: oldStatuses(old) });
  if (input.ended) statuses = endStatuses(pod, statuses);
  let phase = verdict ? 'Failed' : computePhase(pod, statuses, input.terminal);
  // A pod never leaves a final phase.
  if (!isTerminalPhase(phase) && isTerminalPhase(old.phase)) phase = old.phase as string;
  if (input.ended && !isTerminalPhase(phase)) phase = 'Failed';
  const { reason, message } = verdict ?? (phase === old.phase ? old : { reason: undefined, message: undefined });
  const conditions = computeConditions({ pod, statuses, phase, seen, resize: input.resize, pending: input.pending });
  return {
    ...preserved(old),
    ...(pod.metadata.generation === undefined ? {} : { observedGeneration: pod.metadata.generation }),
    phase,
    ...(reason ? { reason } : {}),
    ...(message ? { message } : {}),
    ...addresses(input),
    conditions: withTransitionTimes(conditions, old.conditions ?? [], input.nowMs),
    startTime: old.startTime ?? rfc3339(input.nowMs),
    ...(statuses.init.length > 0 ? { initContainerStatuses: [...statuses.init] } : {}),
    containerStatuses: [...statuses.main],
    ...(statuses.ephemeral.length > 0 ? { ephemeralContainerStatuses: [...statuses.ephemeral] } : {}),
    qosClass: qosClassOf(pod),
    resources: pod.spec?.resources ?? {},
  };
}

/** What kubelet writes of a pod it does not admit (kubelet.go rejectPod). */
function rejectedStatus({ pod, old, nowMs }: PodStatusInput, { reason, message }: PodVerdict): PodStatus {
  const { generation } = pod.metadata;
  return {
    ...preserved(old),
    ...(generation === undefined ? {} : { observedGeneration: generation }),
    phase: 'Failed',
    reason,
    message,
    conditions: old.conditions ?? [],
    startTime: old.startTime ?? rfc3339(nowMs),
    qosClass: qosClassOf(pod),
  };
}

function oldStatuses(old: PodStatus) {
  const {
    initContainerStatuses: init = [],
    containerStatuses: main = [],
    ephemeralContainerStatuses: ephemeral = [],
  } = old;
  return { init, main, ephemeral };
}

/** Fields other writers own. */
function preserved({ nominatedNodeName, resourceClaimStatuses }: PodStatus): PodStatus {
  return {
    ...(nominatedNodeName === undefined ? {} : { nominatedNodeName }),
    ...(resourceClaimStatuses === undefined ? {} : { resourceClaimStatuses }),
  };
}

function addresses({ pod, seen, hostIps, old }: PodStatusInput): PodStatus {
  const [hostIP] = hostIps;
  const [newest] = seen.sandboxes;
  const own = newest?.ready ? newest.ips : [];
  // An ended pod keeps the address it had.
  const ips = pod.spec?.hostNetwork ? hostIps : own.length > 0 ? own : (old.podIPs ?? []).map(({ ip }) => ip);
  return {
    ...(hostIP === undefined ? {} : { hostIP, hostIPs: hostIps.map((ip) => ({ ip })) }),
    ...(ips[0] === undefined ? {} : { podIP: ips[0], podIPs: ips.map((ip) => ({ ip })) }),
  };
}

/** A condition's time moves only when its status does. */
function withTransitionTimes(
  conditions: readonly PodCondition[],
  before: readonly PodCondition[],
  nowMs: number,
): PodCondition[] {
  return conditions.map((condition) => {
    const old = before.find(({ type }) => type === condition.type);
    const since = old?.status === condition.status ? old.lastTransitionTime : rfc3339(nowMs);
    return since === undefined ? condition : { ...condition, lastTransitionTime: since };
  });
}

export function sameStatus(a: PodStatus, b: PodStatus): boolean {
  return isDeepStrictEqual(a, b);
}
