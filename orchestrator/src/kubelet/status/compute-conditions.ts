import type { ContainerStatus, Pod, PodCondition } from '@berth/kube';
import { containersOf, initContainersOf, isSidecar } from '../pods/pod-facts.ts';
import type { RuntimePod } from '../pods/runtime-pod.ts';
import type { StatusesOfPod } from './compute-phase.ts';
import type { PendingResize, PodResize } from './pod-status.ts';

/** Conditions this kubelet owns; the others of a pod are kept as their writers left them. */
const kubeletConditions = [
  'PodResizePending',
  'PodResizeInProgress',
  'PodReadyToStartContainers',
  'Initialized',
  'Ready',
  'ContainersReady',
  'PodScheduled',
] as const;

export interface ConditionInput {
  readonly pod: Pod;
  readonly statuses: StatusesOfPod;
  readonly phase: string;
  readonly seen: RuntimePod;
  readonly resize?: PodResize | undefined;
  readonly pending?: PendingResize | undefined;
}

type Verdict = Pick<PodCondition, 'status' | 'reason' | 'message'>;

/** The kubelet's conditions of a pod, without times (pkg/kubelet/status/generate.go). */
export function computeConditions(input: ConditionInput): PodCondition[] {
  const { pod } = input;
  const containersReady = computeContainersReady(input);
  const ofType = (type: string, verdict: Verdict): PodCondition => ({
    type,
    ...(pod.metadata.generation === undefined ? {} : { observedGeneration: pod.metadata.generation }),
    ...verdict,
  });
  const foreign = (pod.status?.conditions ?? []).filter(({ type }) => !isKubeletCondition(type));
  return [
    ...foreign,
    ...(input.pending ? [resizePending(input.pending)] : []),
    ...(input.resize ? [resizeInProgress(input.resize)] : []),
    ofType('PodReadyToStartContainers', { status: hasReadySandbox(pod, input.seen) ? 'True' : 'False' }),
    ofType('Initialized', computeInitialized(input)),
    ofType('Ready', computeReady(pod, containersReady)),
    ofType('ContainersReady', containersReady),
    ofType('PodScheduled', { status: 'True' }),
  ];
}

function resizePending({ generation, reason, message, probed }: PendingResize): PodCondition {
  return {
    type: 'PodResizePending',
    ...(generation === undefined ? {} : { observedGeneration: generation }),
    ...(probed === undefined ? {} : { lastProbeTime: probed }),
    status: 'True',
    reason,
    message,
  };
}

function resizeInProgress({ generation, error, probed }: PodResize): PodCondition {
  return {
    type: 'PodResizeInProgress',
    ...(generation === undefined ? {} : { observedGeneration: generation }),
    ...(probed === undefined ? {} : { lastProbeTime: probed }),
    status: 'True',
    ...(error === undefined ? {} : { reason: 'Error', message: error }),
  };
}

export function isKubeletCondition(type: string): boolean {
  return (kubeletConditions as readonly string[]).includes(type);
}

/** The network is part of the sandbox: a ready one with an address, or the host's (status.GeneratePodReadyToStartContainers). */
function hasReadySandbox(pod: Pod, { sandboxes }: RuntimePod): boolean {
  const ready = sandboxes.filter((sandbox) => sandbox.ready);
  const [newest] = sandboxes;
  if (ready.length !== 1 || !newest?.ready) return false;
  return newest.hostNetwork === (pod.spec?.hostNetwork ?? false) && (newest.hostNetwork || newest.ips.length > 0);
}

function computeInitialized({ pod, statuses, phase }: ConditionInput): Verdict {
  const unknown: string[] = [];
  const incomplete: string[] = [];
  for (const spec of initContainersOf(pod)) {
    const status = statuses.init.find(({ name }) => name === spec.name);
    if (!status) unknown.push(spec.name);
    else if (isSidecar(spec) ? !status.started : !status.ready) incomplete.push(spec.name);
  }
  if (phase === 'Succeeded' && unknown.length === 0) return { status: 'True', reason: 'PodCompleted' };
  if (unknown.length === 0 && incomplete.length === 0) return { status: 'True' };
  // Containers that run, or ran, show that initialization was complete once, although a sidecar restarts.
  const regularPending = initContainersOf(pod).some((spec) => !isSidecar(spec) && incomplete.includes(spec.name));
  if (!regularPending && unknown.length === 0 && statuses.main.some(hasStarted)) return { status: 'True' };
  return {
    status: 'False',
    reason: 'ContainersNotInitialized',
    message: listed(unknown, incomplete, 'incomplete'),
  };
}

function hasStarted({ state, lastState }: ContainerStatus): boolean {
  return Boolean(state?.running || state?.terminated || lastState?.terminated);
}

function computeContainersReady({ pod, statuses, phase }: ConditionInput): Verdict {
  const unknown: string[] = [];
  const unready: string[] = [];
  const inspect = (name: string, of: readonly ContainerStatus[]) => {
    const status = of.find((one) => one.name === name);
    if (!status) unknown.push(name);
    else if (!status.ready) unready.push(name);
  };
  for (const spec of initContainersOf(pod)) if (isSidecar(spec)) inspect(spec.name, statuses.init);
  for (const { name } of containersOf(pod)) inspect(name, statuses.main);
  if (phase === 'Succeeded' && unknown.length === 0) return { status: 'False', reason: 'PodCompleted' };
  if (phase === 'Failed') return { status: 'False', reason: 'PodFailed' };
  if (unknown.length === 0 && unready.length === 0) return { status: 'True' };
  return { status: 'False', reason: 'ContainersNotReady', message: listed(unknown, unready, 'unready') };
}

function computeReady(pod: Pod, containersReady: Verdict): Verdict {
  if (containersReady.status !== 'True') return containersReady;
  const messages: string[] = [];
  for (const { conditionType } of pod.spec?.readinessGates ?? []) {
    const gate = pod.status?.conditions?.find(({ type }) => type === conditionType);
    if (!gate) messages.push(`corresponding condition of pod readiness gate "${conditionType}" does not exist.`);
    else if (gate.status !== 'True') {
      messages.push(`the status of pod readiness gate "${conditionType}" is not "True", but ${gate.status}`);
    }
  }
  if (messages.length === 0) return { status: 'True' };
  return { status: 'False', reason: 'ReadinessGatesNotReady', message: messages.join(', ') };
}

function listed(unknown: readonly string[], bad: readonly string[], word: string): string {
  const parts: string[] = [];
  if (unknown.length > 0) parts.push(`containers with unknown status: [${unknown.join(' ')}]`);
  if (bad.length > 0) parts.push(`containers with ${word} status: [${bad.join(' ')}]`);
  return parts.join(', ');
}
