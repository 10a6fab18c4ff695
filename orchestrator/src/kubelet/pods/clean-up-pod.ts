import { readdir, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Pod } from '@berth/kube';
import { podCgroupPath } from '../containers/linux-resources.ts';
import { podLogDirectory } from '../containers/sandbox-config.ts';
import { type NodeContext, podDirectory } from '../node-context.ts';
import type { QosClass } from '../status/pod-qos.ts';
import { removeAllocationRecord } from './allocation-record.ts';
import type { RuntimePod } from './runtime-pod.ts';

const qosClasses: readonly QosClass[] = ['Guaranteed', 'Burstable', 'BestEffort'];

/** Removes what the kubelet made for a pod whose containers are gone and whose volumes are unmounted. Idempotent. */
export async function removePodFiles(node: NodeContext, uid: string): Promise<void> {
  const directory = podDirectory(node, uid);
  await rm(join(directory, 'containers'), { recursive: true, force: true });
  await rm(join(directory, 'etc-hosts'), { force: true });
  await removeAllocationRecord(node, uid);
  // Volumes are the volume manager's: only directories it has emptied go, and nothing through a mount.
  await removeEmptyTree(directory, 5);
}

/** The cgroup of a pod without processes, whatever its class was. */
export async function removePodCgroup(node: NodeContext, uid: string): Promise<void> {
  for (const qos of qosClasses) await node.cgroups.remove(podCgroupPath(node.options.cgroupRoot, qos, uid));
}

/** rmdir from the leaves; what is not empty, or a mount point, stays. */
async function removeEmptyTree(directory: string, depth: number): Promise<void> {
  const entries = await readdir(directory, { withFileTypes: true }).catch(() => []);
  for (const entry of entries) {
    if (entry.isDirectory() && depth > 0) await removeEmptyTree(join(directory, entry.name), depth - 1);
  }
  await rmdir(directory).catch(() => undefined);
}

/** Removes a pod's sandboxes, containers and logs from the runtime: nobody can ask for them any more. */
export async function removeFromRuntime(node: NodeContext, pod: Pod, seen: RuntimePod, signal: AbortSignal) {
  const { runtime } = node.options.runtime;
  for (const { id } of seen.containers) await runtime.RemoveContainer({ containerId: id }, { signal });
  for (const { id } of seen.sandboxes) await runtime.RemovePodSandbox({ podSandboxId: id }, { signal });
  if (!pod.metadata.name) return;
  await rm(podLogDirectory(node.options.dirs.logs, pod), { recursive: true, force: true });
}
