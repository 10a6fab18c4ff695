import { killContainer } from '../containers/kill-container.ts';
import type { NodeContext } from '../node-context.ts';
import { observePod } from './observe-pod.ts';
import { findContainer, initContainersOf, isSidecar } from './pod-facts.ts';
import type { PodState } from './pod-state.ts';
import type { RuntimeContainer } from './runtime-pod.ts';

export interface KillPodOptions {
  /** Seconds for every container instead of its own. */
  readonly graceSeconds?: number | undefined;
}

/**
 * Ends all containers of a pod, then its sandboxes: regular ones at once, sidecars afterwards, the last one first
 * (kuberuntime killPodWithSyncResult, KEP-753). Idempotent.
 */
export async function killPod(
  node: NodeContext,
  state: PodState,
  options: KillPodOptions,
  signal: AbortSignal,
): Promise<void> {
  const { clock, runtime } = node.options;
  const begin = clock.monotonicMs();
  const sidecars = initContainersOf(state.pod)
    .filter(isSidecar)
    .map(({ name }) => name);
  const running = state.seen.containers.filter(
    ({ state: is }) => is === 'CONTAINER_RUNNING' || is === 'CONTAINER_UNKNOWN',
  );
  const stop = (container: RuntimeContainer, spentSeconds: number) =>
    killContainer(
      node,
      {
        pod: state.pod,
        container,
        spec: findContainer(state.pod, container.name),
        graceSeconds: graceLeft(state, options, spentSeconds),
        podIp: state.seen.sandboxes[0]?.ips[0] ?? '',
      },
      signal,
    );
  const main = running.filter(({ name }) => !sidecars.includes(name));
  await Promise.all(main.map((container) => stop(container, 0)));
  for (const name of sidecars.toReversed()) {
    const container = running.find((one) => one.name === name);
    if (container) await stop(container, (clock.monotonicMs() - begin) / 1000);
  }
  // Also those that are not ready: their network may still stand.
  for (const { id } of state.seen.sandboxes) await runtime.runtime.StopPodSandbox({ podSandboxId: id }, { signal });
  await observePod(node, state, signal);
}

/** Sidecars share the pod's grace period with what ended before them. */
function graceLeft({ pod }: PodState, { graceSeconds }: KillPodOptions, spentSeconds: number): number | undefined {
  if (spentSeconds === 0) return graceSeconds;
  const whole =
    graceSeconds ?? pod.metadata.deletionGracePeriodSeconds ?? pod.spec?.terminationGracePeriodSeconds ?? 30;
  return Math.max(0, Math.ceil(whole - spentSeconds));
}
