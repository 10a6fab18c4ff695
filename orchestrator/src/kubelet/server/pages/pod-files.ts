import { join } from 'node:path';
import type { Pod } from '@berth/kube';
import type { cri } from '@berth/protos';
import { podLogDirectory } from '../../containers/sandbox-config.ts';
import { type NodeContext, podDirectory } from '../../node-context.ts';
import { uidOf } from '../../pods/pod-facts.ts';
import { timeOf } from './cri-usage.ts';
import { added, type FilesystemStats, filesTaken, filesystemStats, fileTaken, type Taken } from './filesystem-stats.ts';
import { type VolumeStats, type VolumeStatsOptions, volumeStats } from './volume-stats.ts';

/** A filesystem, and what of it something takes, as far as that is known. */
export type PartStats = Pick<FilesystemStats, 'time'> & Partial<FilesystemStats>;

export interface ContainerFiles {
  /** What it wrote into its root. */
  readonly rootfs?: PartStats;
  readonly logs?: FilesystemStats;
}

export interface PodFiles {
  readonly volume?: readonly VolumeStats[];
  readonly 'ephemeral-storage'?: FilesystemStats;
}

/** Logs are in the kubelet's directory, roots in the runtime's. */
export async function containerFiles(
  node: NodeContext,
  pod: Pod,
  { name, layer }: { readonly name: string; readonly layer: cri.FilesystemUsage | null },
): Promise<ContainerFiles> {
  const { clock, dirs } = node.options;
  const [logs, root, whole] = await Promise.all([
    filesTaken(join(podLogDirectory(dirs.logs, pod), name)),
    filesystemStats(dirs.root, clock),
    layer?.fsId ? filesystemStats(layer.fsId.mountpoint, clock).catch(() => undefined) : undefined,
  ]);
  return {
    ...(layer && { rootfs: { ...withoutTaken(whole), time: timeOf(layer.timestamp), ...takenBy(layer) } }),
    ...(logs && { logs: { ...root, ...logs } }),
  };
}

/** What of it belongs to another filesystem is not the part's. */
function withoutTaken(whole: FilesystemStats | undefined): Partial<FilesystemStats> {
  if (!whole) return {};
  const { usedBytes: _bytes, inodesUsed: _inodes, ...rest } = whole;
  return rest;
}

function takenBy({ usedBytes, inodesUsed }: cri.FilesystemUsage): Partial<Taken> {
  return {
    ...(usedBytes && { usedBytes: Number(usedBytes.value) }),
    ...(inodesUsed && { inodesUsed: Number(inodesUsed.value) }),
  };
}

export interface PodFilesInput {
  readonly pod: Pod;
  readonly containers: readonly ContainerFiles[];
  /** Of all its volumes, or of some. */
  readonly only?: VolumeStatsOptions['only'];
}

/** A pod's volumes; and what all of it takes of the node's own disk (makePodStorageStats, calcEphemeralStorage). */
export async function podFiles(
  node: NodeContext,
  { pod, containers, only }: PodFilesInput,
  signal: AbortSignal,
): Promise<PodFiles> {
  const { clock, dirs } = node.options;
  const [{ ephemeral, persistent }, logs, hosts, root] = await Promise.all([
    volumeStats({ node, pod, only }, signal),
    filesTaken(podLogDirectory(dirs.logs, pod)),
    fileTaken(join(podDirectory(node, uidOf(pod)), 'etc-hosts')),
    filesystemStats(dirs.root, clock),
  ]);
  const own = containers.flatMap(({ rootfs, logs: written }) =>
    // Logs count where the root is known, as upstream's do.
    rootfs ? [rootfs, written].map((part) => part && { usedBytes: 0, inodesUsed: 0, ...part }) : [],
  );
  const volume = [...ephemeral, ...persistent];
  return {
    ...(volume.length > 0 ? { volume } : {}),
    'ephemeral-storage': { ...root, ...added([...own, ...ephemeral, logs, hosts]) },
  };
}
