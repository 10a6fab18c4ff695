import { rfc3339 } from '@berth/kit';
import type { PodStatus } from '@berth/kube';
import { isResizing } from '../containers/resize-containers.ts';
import { resizeEvent } from '../containers/resize-event.ts';
import type { NodeContext } from '../node-context.ts';
import type { PodState } from '../pods/pod-state.ts';
import { computePodStatus } from './pod-status.ts';

export interface ReportOptions {
  readonly terminal: boolean;
  readonly ended?: boolean;
}

/** Computes a pod's status from what was last seen of it and has it written if it changed. */
export function reportStatus(
  node: NodeContext,
  state: PodState,
  { terminal, ended = false }: ReportOptions,
): PodStatus {
  if (!terminal) followResize(node, state);
  const status = computePodStatus({
    pod: state.pod,
    seen: state.seen,
    old: node.statuses.get(state.uid) ?? state.pod.status ?? {},
    waiting: state.waiting,
    readiness: state.prober,
    runtimeName: node.runtimeName,
    hostIps: node.options.addresses,
    nowMs: node.options.clock.now(),
    terminal,
    ended,
    verdict: state.verdict,
    resize: terminal ? undefined : state.resize,
    pending: terminal ? undefined : state.pending,
  });
  node.statuses.set(state.pod, status);
  return status;
}

/** Whoever sees a spec's generation observed sees as well whether its containers have yet what it asks for (kubelet.go SyncPod). */
function followResize(node: NodeContext, state: PodState): void {
  const { pod, resize } = state;
  const resizing = isResizing(node, state);
  if (resizing === (resize !== undefined)) return;
  const probed = rfc3339(node.options.clock.now());
  state.resize = resizing ? { generation: pod.metadata.generation, probed } : undefined;
  if (resizing) resizeEvent(node, pod, 'Started');
  else resizeEvent(node, pod, 'Completed', resize);
}

/** The sandbox is up: says so at once, before containers are pulled and started (kubelet OnPodSandboxReady). */
export function reportSandboxReady(node: NodeContext, { pod, uid }: PodState): void {
  const status = node.statuses.get(uid);
  if (!status) return;
  const { generation } = pod.metadata;
  const conditions = (status.conditions ?? []).map((condition) =>
    condition.type === 'PodReadyToStartContainers' && condition.status !== 'True'
      ? {
          type: condition.type,
          ...(generation === undefined ? {} : { observedGeneration: generation }),
          status: 'True',
          lastTransitionTime: rfc3339(node.options.clock.now()),
        }
      : condition,
  );
  node.statuses.set(pod, { ...status, conditions });
}
