import type { Container, ContainerStatus, Pod } from '@berth/kube';
import { containersOf, initContainersOf, isSidecar, restartPolicyOf } from '../pods/pod-facts.ts';

export interface StatusesOfPod {
  readonly init: readonly ContainerStatus[];
  readonly main: readonly ContainerStatus[];
}

/**
 * A pod's phase from its containers' statuses (kubelet_pods.go getPhase).
 * `terminal` says that no container will be started again, whatever the restart policy.
 */
export function computePhase(pod: Pod, statuses: StatusesOfPod, terminal: boolean): string {
  const init = countInit(pod, statuses.init);
  const sidecars = countSidecars(pod, statuses.init);
  const main = countMain(containersOf(pod), statuses.main);
  const policy = restartPolicyOf(pod);
  const waiting = sidecars.waiting + main.waiting;
  const running = sidecars.running + main.running;
  const unknown = sidecars.unknown + main.unknown;
  if (init.failed > 0 && policy === 'Never') return 'Failed';
  const mainStarted = statuses.main.some(({ state, lastState }) =>
    Boolean(state?.running || state?.terminated || lastState?.terminated),
  );
  if (init.pending > 0 || (sidecars.pending > 0 && !mainStarted) || waiting > 0) return 'Pending';
  if (running > 0 && unknown === 0) return 'Running';
  if (running > 0 || main.stopped === 0 || unknown > 0) return 'Pending';
  const succeeded = main.stopped === main.succeeded;
  if (terminal) return succeeded ? 'Succeeded' : 'Failed';
  if (policy === 'Always') return 'Running';
  if (succeeded) return 'Succeeded';
  return policy === 'Never' ? 'Failed' : 'Running';
}

function countInit(pod: Pod, statuses: readonly ContainerStatus[]) {
  const counts = { pending: 0, failed: 0 };
  for (const spec of initContainersOf(pod)) {
    if (isSidecar(spec)) continue;
    const status = find(statuses, spec.name);
    const end = status?.state?.terminated ?? (status?.state?.waiting ? status.lastState?.terminated : undefined);
    if (!end) counts.pending++;
    else if (end.exitCode !== 0) counts.failed++;
  }
  return counts;
}

function countSidecars(pod: Pod, statuses: readonly ContainerStatus[]) {
  const counts = { pending: 0, running: 0, waiting: 0, unknown: 0 };
  for (const spec of initContainersOf(pod)) {
    if (!isSidecar(spec)) continue;
    const status = find(statuses, spec.name);
    if (status?.state?.running) {
      if (!status.started) counts.pending++;
      counts.running++;
    } else if (status?.state?.waiting) {
      if (status.lastState?.terminated) continue;
      counts.pending++;
      counts.waiting++;
    } else if (!status?.state?.terminated) {
      if (status) counts.pending++;
      counts.unknown++;
    }
  }
  return counts;
}

function countMain(specs: readonly Container[], statuses: readonly ContainerStatus[]) {
  const counts = { running: 0, waiting: 0, stopped: 0, succeeded: 0, unknown: 0 };
  for (const { name } of specs) {
    const status = find(statuses, name);
    if (status?.state?.running) counts.running++;
    else if (status?.state?.terminated) {
      counts.stopped++;
      if (status.state.terminated.exitCode === 0) counts.succeeded++;
    } else if (status?.state?.waiting) {
      if (status.lastState?.terminated) counts.stopped++;
      else counts.waiting++;
    } else counts.unknown++;
  }
  return counts;
}

function find(statuses: readonly ContainerStatus[], name: string): ContainerStatus | undefined {
  return statuses.find((status) => status.name === name);
}
