import type { Container, Pod } from '@berth/kube';
import { containersOf, initContainersOf, isSidecar, restartPolicyOf } from '../pods/pod-facts.ts';
import { latestContainer, type RuntimeContainer, type RuntimePod } from '../pods/runtime-pod.ts';
import type { PodActions, ProbeVerdicts } from './compute-pod-actions.ts';

/**
 * Finds the next init container to run and the sidecars to restart; true when the pod is initialized.
 * Walks backwards, since finished init containers may have been removed (kuberuntime computeInitContainerActions).
 */
export function computeInitActions(pod: Pod, seen: RuntimePod, verdicts: ProbeVerdicts, actions: PodActions): boolean {
  const specs = initContainersOf(pod);
  if (specs.length === 0) return true;
  let initialized = hasStartedMain(pod, seen);
  /** An init container after the one looked at has a status, so this one has done its part. */
  let passed = initialized;
  for (let index = specs.length - 1; index >= 0; index--) {
    const spec = specs[index] as Container;
    const container = latestContainer(seen, spec.name);
    if (!container) {
      if (passed && isSidecar(spec)) actions.initToStart.push(index);
      continue;
    }
    if (passed && !isSidecar(spec)) continue;
    const step = isSidecar(spec) ? sidecarStep(container, spec, verdicts) : initStep(pod, container);
    if (step.kill) actions.toKill.push({ container, spec, ...step.kill });
    if (step.next === 'fail') {
      actions.killPod = true;
      actions.initToStart = [];
      return false;
    }
    if (step.next === 'start') actions.initToStart.push(index);
    if (step.next === 'done' && !passed) {
      if (index === specs.length - 1) initialized = true;
      else actions.initToStart.push(index + 1);
    }
    passed = true;
  }
  if (!passed) actions.initToStart.push(0);
  actions.initToStart.sort((a, b) => a - b);
  return initialized;
}

function hasStartedMain(pod: Pod, seen: RuntimePod): boolean {
  return containersOf(pod).some(({ name }) => {
    const state = latestContainer(seen, name)?.state;
    return state === 'CONTAINER_RUNNING' || state === 'CONTAINER_CREATED' || exitedInCurrentSandbox(seen, name);
  });
}

/** An exit in an older sandbox says nothing of this one, which starts from the first init container. */
function exitedInCurrentSandbox(seen: RuntimePod, name: string): boolean {
  const latest = latestContainer(seen, name);
  return latest?.state === 'CONTAINER_EXITED' && latest.sandboxId === seen.sandboxes[0]?.id;
}

interface Step {
  readonly next: 'wait' | 'start' | 'done' | 'fail';
  readonly kill?: Pick<PodActions['toKill'][number], 'message' | 'reason'>;
}

function initStep(pod: Pod, container: RuntimeContainer): Step {
  if (container.state === 'CONTAINER_RUNNING') return { next: 'wait' };
  if (container.state === 'CONTAINER_CREATED') return { next: 'start' };
  const never = restartPolicyOf(pod) === 'Never';
  if (container.state === 'CONTAINER_EXITED') {
    if (container.exitCode === 0) return { next: 'done' };
    return { next: never ? 'fail' : 'start' };
  }
  if (never) return { next: 'fail' };
  const message = `Init container is in "unknown" state, try killing it before restart`;
  return { next: 'start', kill: { message, reason: 'Unknown' } };
}

function sidecarStep(container: RuntimeContainer, spec: Container, verdicts: ProbeVerdicts): Step {
  if (container.state !== 'CONTAINER_RUNNING') return { next: 'start' };
  const startup = spec.startupProbe ? verdicts.startup(container.id) : 'success';
  if (startup === undefined) return { next: 'wait' };
  if (startup === 'failure') {
    const message = `Init container ${spec.name} failed startup probe`;
    return { next: 'start', kill: { message, reason: 'StartupProbe' } };
  }
  if (spec.livenessProbe && verdicts.liveness(container.id) === 'failure') {
    const message = `Init container ${spec.name} failed liveness probe`;
    return { next: 'start', kill: { message, reason: 'LivenessProbe' } };
  }
  return { next: 'done' };
}
