import type { Container, Pod } from '@berth/kube';
import { containersOf, ephemeralContainersOf, restartPolicyOf } from '../pods/pod-facts.ts';
import { latestContainer, type RuntimeContainer, type RuntimePod } from '../pods/runtime-pod.ts';
import { computeInitActions } from './compute-init-actions.ts';
import { containerHash } from './container-hash.ts';
import { sandboxChange } from './sandbox-change.ts';

export type ProbeOutcome = 'success' | 'failure' | undefined;

/** What the liveness and startup probes of a container last said. */
export interface ProbeVerdicts {
  liveness(containerId: string): ProbeOutcome;
  startup(containerId: string): ProbeOutcome;
}

export type KillReason = 'LivenessProbe' | 'StartupProbe' | 'Unknown';

export interface ContainerToKill {
  readonly container: RuntimeContainer;
  readonly spec: Container;
  readonly message: string;
  readonly reason: KillReason;
}

/** What has to be done so that a pod's containers are as they should be (kuberuntime podActions). */
export interface PodActions {
  killPod: boolean;
  createSandbox: boolean;
  sandboxId: string;
  attempt: number;
  ephemeralToStart: number[];
  initToStart: number[];
  toStart: number[];
  toKill: ContainerToKill[];
}

/** Compares a pod with what the runtime has of it (kuberuntime_manager.go computePodActions). */
export function computePodActions(pod: Pod, seen: RuntimePod, verdicts: ProbeVerdicts): PodActions {
  const change = sandboxChange(pod, seen);
  const actions: PodActions = {
    killPod: change.create,
    createSandbox: change.create,
    sandboxId: change.sandboxId,
    attempt: change.attempt,
    ephemeralToStart: [],
    initToStart: [],
    toStart: [],
    toKill: [],
  };
  if (change.create) return withNewSandbox(pod, seen, actions);
  // Also before the pod is initialized: they are there to find out why it is not.
  for (const [index, { name }] of ephemeralContainersOf(pod).entries()) {
    if (!latestContainer(seen, name)) actions.ephemeralToStart.push(index);
  }
  const initialized = computeInitActions(pod, seen, verdicts, actions);
  if (actions.killPod || !initialized) return actions;
  let kept = 0;
  for (const [index, spec] of containersOf(pod).entries()) {
    const container = latestContainer(seen, spec.name);
    if (container?.state !== 'CONTAINER_RUNNING') {
      if (shouldRestart(pod, spec, seen)) startAgain(actions, index, container, spec);
      continue;
    }
    const cause = reasonToKill(container, spec, verdicts);
    if (!cause) {
      kept++;
      continue;
    }
    const restart = cause.always || restartPolicyOf(pod) !== 'Never';
    if (restart) actions.toStart.push(index);
    const message = restart ? `${cause.message}, will be restarted` : cause.message;
    actions.toKill.push({ container, spec, message, reason: cause.reason });
  }
  if (kept === 0 && actions.toStart.length === 0) actions.killPod = true;
  return actions;
}

function withNewSandbox(pod: Pod, seen: RuntimePod, actions: PodActions): PodActions {
  const policy = restartPolicyOf(pod);
  if (policy === 'Never' && actions.attempt !== 0 && seen.containers.length > 0) {
    actions.createSandbox = false;
    return actions;
  }
  const toStart = containersOf(pod).flatMap((spec, index) => {
    const latest = latestContainer(seen, spec.name);
    const done = latest?.state === 'CONTAINER_EXITED' && latest.exitCode === 0;
    return policy === 'OnFailure' && done ? [] : [index];
  });
  if (toStart.length === 0) {
    actions.createSandbox = false;
    return actions;
  }
  // A new sandbox starts from the beginning: the first init container again.
  if ((pod.spec?.initContainers ?? []).length > 0) actions.initToStart = [0];
  else actions.toStart = toStart;
  return actions;
}

function startAgain(actions: PodActions, index: number, container: RuntimeContainer | undefined, spec: Container) {
  actions.toStart.push(index);
  if (container?.state !== 'CONTAINER_UNKNOWN') return;
  // The runtime lost track of it: make sure it is dead before another one writes to the same volumes.
  const message = `Container is in "unknown" state, try killing it before restart`;
  actions.toKill.push({ container, spec, message, reason: 'Unknown' });
}

function reasonToKill(container: RuntimeContainer, spec: Container, verdicts: ProbeVerdicts) {
  if (container.hash !== '' && container.hash !== containerHash(spec)) {
    return { message: `Container ${spec.name} definition changed`, reason: 'Unknown' as const, always: true };
  }
  if (spec.livenessProbe && verdicts.liveness(container.id) === 'failure') {
    return { message: `Container ${spec.name} failed liveness probe`, reason: 'LivenessProbe' as const, always: false };
  }
  if (spec.startupProbe && verdicts.startup(container.id) === 'failure') {
    return { message: `Container ${spec.name} failed startup probe`, reason: 'StartupProbe' as const, always: false };
  }
  return undefined;
}

/** True where a container that is not running has to be started (again), by its last end and the restart policy. */
export function shouldRestart(pod: Pod, spec: Container, seen: RuntimePod): boolean {
  if (pod.metadata.deletionTimestamp !== undefined) return false;
  const latest = latestContainer(seen, spec.name);
  if (!latest) return true;
  if (latest.state === 'CONTAINER_RUNNING') return false;
  if (latest.state !== 'CONTAINER_EXITED') return true;
  const policy = spec.restartPolicy ?? restartPolicyOf(pod);
  if (policy === 'Never') return false;
  return policy === 'Always' || latest.exitCode !== 0;
}
