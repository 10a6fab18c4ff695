import { rm } from 'node:fs/promises';
import type { NodeContext } from '../node-context.ts';
import type { PodState } from './pod-state.ts';

/** Ended containers kept by name, for their logs and last state (kubelet MaxPerPodContainerCount). */
const kept = 1;

/** Removes the oldest ended containers of a pod, their logs with them, and older sandboxes nothing is left in. */
export async function pruneContainers(node: NodeContext, { seen }: PodState, signal: AbortSignal): Promise<void> {
  const counts = new Map<string, number>();
  for (const { id, name, state, logPath } of seen.containers) {
    if (state !== 'CONTAINER_EXITED') continue;
    const count = (counts.get(name) ?? 0) + 1;
    counts.set(name, count);
    if (count <= kept) continue;
    await node.options.runtime.runtime.RemoveContainer({ containerId: id }, { signal });
    if (logPath !== '') await rm(logPath, { force: true });
  }
  const used = new Set(seen.containers.map(({ sandboxId }) => sandboxId));
  for (const { id, ready } of seen.sandboxes.slice(1)) {
    if (!ready && !used.has(id)) await node.options.runtime.runtime.RemovePodSandbox({ podSandboxId: id }, { signal });
  }
}
