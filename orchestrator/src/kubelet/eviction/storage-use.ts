import type { NodeContext } from '../node-context.ts';
import type { PodState } from '../pods/pod-state.ts';
import { labels } from '../pods/runtime-labels.ts';
import { containerFiles, podFiles } from '../server/pages/pod-files.ts';
import type { StorageUse } from './storage-limits.ts';

/** What a pod takes of the node's disk now, for which all its files are looked at. */
export async function storageUse(
  node: NodeContext,
  { uid, pod, seen }: PodState,
  signal: AbortSignal,
): Promise<StorageUse> {
  const filter = { id: '', podSandboxId: '', labelSelector: { [labels.podUid]: uid } };
  const { stats } = await node.options.runtime.runtime.ListContainerStats({ filter }, { signal });
  const layers = new Map(stats.map(({ attributes, writableLayer }) => [attributes?.id, writableLayer]));
  const running = seen.containers.filter(({ state }) => state === 'CONTAINER_RUNNING');
  const files = await Promise.all(
    running.map(({ id, name }) => containerFiles(node, pod, { name, layer: layers.get(id) ?? null })),
  );
  const whole = await podFiles(node, { pod, containers: files, only: 'ephemeral' }, signal);
  const bytesOf = ({ rootfs, logs }: (typeof files)[number]) => (rootfs?.usedBytes ?? 0) + (logs?.usedBytes ?? 0);
  return {
    volumes: new Map(whole.volume?.map(({ name, usedBytes }) => [name, usedBytes])),
    containers: new Map(running.map(({ name }, i) => [name, bytesOf(files[i] ?? {})])),
    total: whole['ephemeral-storage']?.usedBytes ?? 0,
  };
}
