import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, deadline, rfc3339 } from '@berth/kit';
import { type PersistentVolume, type Pod, resources } from '@berth/kube';
import type { csi } from '@berth/protos';
import { type NodeContext, podDirectory } from '../../node-context.ts';

/** How full a volume of a pod is, as its driver says (stats/v1alpha1 VolumeStats). */
export interface VolumeStats {
  readonly time: string;
  readonly availableBytes?: number;
  readonly capacityBytes?: number;
  readonly usedBytes?: number;
  readonly inodesFree?: number;
  readonly inodes?: number;
  readonly inodesUsed?: number;
  /** Of the pod's volume. */
  readonly name: string;
  readonly pvcRef?: { readonly name: string; readonly namespace: string };
}

/** A driver that hangs keeps nobody waiting for the others' answers. */
const timeoutMs = 5_000;

/** Of the CSI volumes that are mounted for a pod now. A driver that does not tell, or has no answer, is left out. */
export async function volumeStats(node: NodeContext, pod: Pod, signal: AbortSignal): Promise<VolumeStats[]> {
  const folder = join(podDirectory(node, pod.metadata.uid ?? ''), 'volumes', 'kubernetes.io~csi');
  const names = await readdir(folder).catch(() => []);
  const found = await Promise.all(
    names.map(async (specName) => {
      const about = volumeOf(node, pod, specName);
      const usage = about && (await usageOf(node, join(folder, specName), signal));
      return about && usage ? [{ ...statsOf(node.options.clock, usage), ...about }] : [];
    }),
  );
  return found.flat();
}

/** What the pod calls it: a folder is named for the PersistentVolume, or for the pod's own volume. */
function volumeOf(
  { options }: NodeContext,
  pod: Pod,
  specName: string,
): Pick<VolumeStats, 'name' | 'pvcRef'> | undefined {
  const volumes = pod.spec?.volumes ?? [];
  const inline = volumes.find(({ name, csi: own }) => own && name === specName);
  if (inline) return { name: inline.name };
  const { namespace = '' } = pod.metadata;
  const claim = options.informers.of<PersistentVolume>(resources.persistentvolumes).get(specName)?.spec?.claimRef;
  if (claim?.namespace !== namespace || claim.name === undefined) return undefined;
  const volume = volumes.find(
    ({ name, persistentVolumeClaim, ephemeral }) =>
      persistentVolumeClaim?.claimName === claim.name || (ephemeral && `${pod.metadata.name}-${name}` === claim.name),
  );
  return volume && { name: volume.name, pvcRef: { name: claim.name, namespace } };
}

async function usageOf({ options }: NodeContext, folder: string, signal: AbortSignal) {
  const { clock, csi: drivers, log } = options;
  try {
    const text = await readFile(join(folder, 'vol_data.json'), 'utf8');
    const { driverName, volumeHandle: volumeId } = JSON.parse(text) as { driverName: string; volumeHandle: string };
    const driver = drivers?.find(driverName);
    if (!driver || !(await driver.capabilities(signal)).has('GET_VOLUME_STATS')) return undefined;
    using end = deadline(clock, timeoutMs, signal);
    const request = { volumeId, volumePath: join(folder, 'mount'), stagingTargetPath: '' };
    return (await driver.node.NodeGetVolumeStats(request, { signal: end.signal })).usage;
  } catch (error) {
    signal.throwIfAborted();
    log.debug('no usage of a volume', { folder, error });
    return undefined;
  }
}

function statsOf(clock: Clock, usage: readonly csi.VolumeUsage[]): Omit<VolumeStats, 'name'> {
  const bytes = usage.find(({ unit }) => unit === 'BYTES');
  const inodes = usage.find(({ unit }) => unit === 'INODES');
  return {
    time: rfc3339(clock.now()),
    ...(bytes && {
      availableBytes: Number(bytes.available),
      capacityBytes: Number(bytes.total),
      usedBytes: Number(bytes.used),
    }),
    ...(inodes && {
      inodesFree: Number(inodes.available),
      inodes: Number(inodes.total),
      inodesUsed: Number(inodes.used),
    }),
  };
}
