import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { deadline, rfc3339 } from '@berth/kit';
import { type PersistentVolume, type Pod, resources, type Volume } from '@berth/kube';
import type { csi } from '@berth/protos';
import { type NodeContext, podDirectory } from '../../node-context.ts';
import { answerMs, directoryStats, type FilesystemStats, remoteFilesystemStats } from './filesystem-stats.ts';

/** How full a volume of a pod is (stats/v1alpha1 VolumeStats). */
export interface VolumeStats extends FilesystemStats {
  /** Of the pod's volume. */
  readonly name: string;
  readonly pvcRef?: { readonly name: string; readonly namespace: string };
}

/** Those that go with the pod and lie on the node's disk, which the pod's ephemeral storage counts; and all others. */
export interface PodVolumeStats {
  readonly ephemeral: readonly VolumeStats[];
  readonly persistent: readonly VolumeStats[];
}

interface Mounted {
  readonly node: NodeContext;
  /** Beneath the pod's directory, named for the PersistentVolume or for the pod's own volume. */
  readonly path: string;
  readonly specName: string;
  readonly podUid: string;
}

type Read = (mounted: Mounted, signal: AbortSignal) => Promise<FilesystemStats | undefined>;

const counted: Read = ({ node, path }, signal) => directoryStats(path, node.options.clock, signal);
const whole: Read = ({ node, path }, signal) => remoteFilesystemStats(path, node.options.clock, signal);

/** By plugin, as upstream's tell; those that are not here, such as hostPath, do not (MetricsNil). */
const readers: Readonly<Record<string, Read>> = {
  'volumes/kubernetes.io~empty-dir': counted,
  'volumes/kubernetes.io~configmap': counted,
  'volumes/kubernetes.io~secret': counted,
  'volumes/kubernetes.io~downward-api': counted,
  'volumes/kubernetes.io~projected': counted,
  'volumes/kubernetes.io~local-volume': whole,
  'volumes/kubernetes.io~nfs': whole,
  'volumes/kubernetes.io~csi': ({ node, path }, signal) =>
    usageOf(node, { data: path, volumePath: join(path, 'mount') }, signal),
  'volumeDevices/kubernetes.io~csi': ({ node, specName, podUid }, signal) => {
    const devices = join(node.options.dirs.root, 'plugins/kubernetes.io/csi/volumeDevices');
    const volumePath = join(devices, 'publish', specName, podUid);
    return usageOf(node, { data: join(devices, specName, 'data'), volumePath }, signal);
  },
};

export interface VolumeStatsOptions {
  readonly node: NodeContext;
  readonly pod: Pod;
  /** Those of claims alone, or those alone that go with the pod, for which no driver is asked. */
  readonly only?: 'claims' | 'ephemeral' | undefined;
}

/** Of the volumes that are set up for a pod now. Those that have no answer are left out. */
export async function volumeStats(
  { node, pod, only }: VolumeStatsOptions,
  signal: AbortSignal,
): Promise<PodVolumeStats> {
  const podUid = pod.metadata.uid ?? '';
  const found = await Promise.all(
    Object.entries(readers).map(async ([folder, read]) => {
      const parent = join(podDirectory(node, podUid), folder);
      const names = await readdir(parent).catch(() => []);
      return Promise.all(
        names.map(async (specName) => {
          const volume = volumeOf(node, pod, specName);
          if (!volume || (only === 'claims' && !namesOf(pod, volume).pvcRef)) return [];
          if (only === 'ephemeral' && !volume.emptyDir && !isEphemeral(volume)) return [];
          const mounted = { node, podUid, specName, path: join(parent, specName) };
          const stats = await read(mounted, signal).catch((error: unknown) => {
            signal.throwIfAborted();
            node.options.log.debug('no usage of a volume', { path: mounted.path, error });
          });
          return stats ? [{ volume, stats: { ...stats, ...namesOf(pod, volume) } }] : [];
        }),
      );
    }),
  );
  const all = found.flat(2);
  const { ephemeral = [], persistent = [] } = Object.groupBy(all, ({ volume }) =>
    isEphemeral(volume) ? 'ephemeral' : 'persistent',
  );
  return { ephemeral: ephemeral.map(({ stats }) => stats), persistent: persistent.map(({ stats }) => stats) };
}

/** Upstream's IsLocalEphemeralVolume. */
function isEphemeral({ emptyDir, configMap }: Volume): boolean {
  return configMap !== undefined || (emptyDir !== undefined && (emptyDir.medium ?? '') === '');
}

/** Which of the pod's volumes it is. */
function volumeOf({ options }: NodeContext, pod: Pod, specName: string): Volume | undefined {
  const volumes = pod.spec?.volumes ?? [];
  const own = volumes.find(
    ({ name, persistentVolumeClaim, ephemeral }) => name === specName && !persistentVolumeClaim && !ephemeral,
  );
  if (own) return own;
  const { namespace = '' } = pod.metadata;
  const claim = options.informers.of<PersistentVolume>(resources.persistentvolumes).get(specName)?.spec?.claimRef;
  if (claim?.namespace !== namespace || claim.name === undefined) return undefined;
  return volumes.find((volume) => namesOf(pod, volume).pvcRef?.name === claim.name);
}

function namesOf(pod: Pod, { name, persistentVolumeClaim, ephemeral }: Volume): Pick<VolumeStats, 'name' | 'pvcRef'> {
  const claim = persistentVolumeClaim?.claimName ?? (ephemeral && `${pod.metadata.name}-${name}`);
  return { name, ...(claim === undefined ? {} : { pvcRef: { name: claim, namespace: pod.metadata.namespace ?? '' } }) };
}

/** As its driver says; undefined where it cannot tell. */
async function usageOf(
  { options }: NodeContext,
  { data, volumePath }: { readonly data: string; readonly volumePath: string },
  signal: AbortSignal,
): Promise<FilesystemStats | undefined> {
  const { clock, csi: drivers } = options;
  const text = await readFile(join(data, 'vol_data.json'), 'utf8');
  const { driverName, volumeHandle: volumeId } = JSON.parse(text) as { driverName: string; volumeHandle: string };
  const driver = drivers?.find(driverName);
  if (!driver || !(await driver.capabilities(signal)).has('GET_VOLUME_STATS')) return undefined;
  using end = deadline(clock, answerMs, signal);
  const request = { volumeId, volumePath, stagingTargetPath: '' };
  const { usage } = await driver.node.NodeGetVolumeStats(request, { signal: end.signal });
  return { time: rfc3339(clock.now()), ...numbersOf(usage) };
}

/** What is not told counts as nothing (parsePodVolumeStats). */
function numbersOf(usage: readonly csi.VolumeUsage[]): Omit<FilesystemStats, 'time'> {
  const of = (wanted: csi.VolumeUsage['unit']) => usage.find(({ unit }) => unit === wanted);
  const [bytes, inodes] = [of('BYTES'), of('INODES')];
  return {
    availableBytes: Number(bytes?.available ?? 0),
    capacityBytes: Number(bytes?.total ?? 0),
    usedBytes: Number(bytes?.used ?? 0),
    inodesFree: Number(inodes?.available ?? 0),
    inodes: Number(inodes?.total ?? 0),
    inodesUsed: Number(inodes?.used ?? 0),
  };
}
