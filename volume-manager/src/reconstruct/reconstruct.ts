import { readdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from '@berth/kit';
import { isErrno } from '@berth/linux';
import type { ActualPodVolume } from '../actual-world/actual-volume.ts';
import type { ActualWorld } from '../actual-world/actual-world.ts';
import { type Layout, unescapePluginName } from '../kubelet-dir/layout.ts';
import { readVolData } from '../kubelet-dir/vol-data.ts';
import { csiPluginName } from '../plugins/csi/csi-filesystem.ts';

export interface VolumeSource {
  readonly driver: string;
  readonly handle: string;
}

export interface ReconstructOptions {
  readonly layout: Layout;
  readonly actual: ActualWorld;
  readonly log: Logger;
  /** The driver and handle of a PV, for a volume whose own record is damaged. */
  readonly sourceOfVolume: (pvName: string) => VolumeSource | undefined;
  /** The same by the directory it is staged in. */
  readonly sourceOfStage: (directory: string) => VolumeSource | undefined;
}

/**
 * Fills the actual world with what earlier processes left on disk. Nothing found is sure: wanted volumes are mounted once more
 * (all calls are idempotent), the others are undone. Staged volumes are found by their own record, so that one which lost its
 * last pod in a crash is unstaged too (k/k#85476).
 */
export async function reconstruct(options: ReconstructOptions): Promise<void> {
  const { layout } = options;
  for (const podUid of await names(layout.pods)) {
    await podVolumes(options, podUid);
    await podDevices(options, podUid);
    await subPaths(options, podUid);
  }
  await stagedVolumes(options);
  await stagedDevices(options);
}

async function podVolumes({ layout, actual, sourceOfVolume }: ReconstructOptions, podUid: string): Promise<void> {
  for (const directory of await names(layout.podVolumes(podUid))) {
    const plugin = unescapePluginName(directory);
    for (const specName of await names(join(layout.podVolumes(podUid), directory))) {
      const found = { ...uncertain, podUid, plugin, specName, mode: 'Filesystem' } as const;
      if (plugin !== csiPluginName) {
        actual.setPodVolume(`${plugin}/${podUid}-${specName}`, found);
        continue;
      }
      const data = await readVolData(layout.podVolume(podUid, plugin, specName));
      const source = data?.driverName
        ? { driver: data.driverName, handle: data.volumeHandle ?? '' }
        : sourceOfVolume(specName);
      const shared = source !== undefined && data?.volumeLifecycleMode !== 'Ephemeral';
      actual.setPodVolume(shared ? csiName(source) : `${plugin}/${podUid}-${specName}`, found);
    }
  }
}

async function podDevices({ layout, actual, sourceOfVolume }: ReconstructOptions, podUid: string): Promise<void> {
  for (const directory of await names(layout.podDevices(podUid))) {
    if (unescapePluginName(directory) !== csiPluginName) continue;
    for (const specName of await names(join(layout.podDevices(podUid), directory))) {
      if (specName.startsWith('.')) {
        await unlink(join(layout.podDevices(podUid), directory, specName));
        continue;
      }
      const data = await readVolData(layout.csiBlockData(specName));
      const source = data?.driverName
        ? { driver: data.driverName, handle: data.volumeHandle ?? '' }
        : sourceOfVolume(specName);
      if (!source) continue;
      actual.setPodVolume(csiName(source), { ...uncertain, podUid, plugin: csiPluginName, specName, mode: 'Block' });
    }
  }
}

/** A hostPath has no directory of its own, but its subPaths have mounts. */
async function subPaths({ layout, actual }: ReconstructOptions, podUid: string): Promise<void> {
  const known = new Set([...actual.volumesOfPod(podUid)].map((name) => actual.podVolume(name, podUid)?.specName));
  for (const specName of await names(layout.subPaths(podUid))) {
    if (known.has(specName)) continue;
    const plugin = 'kubernetes.io/host-path';
    actual.setPodVolume(`${plugin}/${podUid}-${specName}`, {
      ...uncertain,
      podUid,
      plugin,
      specName,
      mode: 'Filesystem',
    });
  }
}

async function stagedVolumes({ layout, actual, sourceOfStage, log }: ReconstructOptions): Promise<void> {
  for (const driver of await names(layout.csiPlugins)) {
    if (join(layout.csiPlugins, driver) === layout.csiBlock) continue;
    for (const hash of await names(join(layout.csiPlugins, driver))) {
      const directory = join(layout.csiPlugins, driver, hash);
      const data = await readVolData(directory);
      const known = data?.driverName !== undefined && data.volumeHandle !== undefined;
      const source = known
        ? { driver: data.driverName as string, handle: data.volumeHandle as string }
        : sourceOfStage(directory);
      if (!source) {
        log.warn('a staged volume has lost its record, and no PV is its', { directory });
        continue;
      }
      const specName = data?.specVolID ?? source.handle;
      actual.setDevice(csiName(source), {
        ...source,
        specName,
        mode: 'Filesystem',
        state: 'uncertain',
        reconstructed: true,
      });
    }
  }
}

async function stagedDevices({ layout, actual }: ReconstructOptions): Promise<void> {
  for (const specName of await names(layout.csiBlock)) {
    const data = await readVolData(layout.csiBlockData(specName));
    if (data?.driverName === undefined || data.volumeHandle === undefined) continue;
    const source = { driver: data.driverName, handle: data.volumeHandle };
    actual.setDevice(csiName(source), { ...source, specName, mode: 'Block', state: 'uncertain', reconstructed: true });
  }
}

const uncertain = {
  state: 'uncertain',
  reconstructed: true,
  refresh: false,
} as const satisfies Partial<ActualPodVolume>;

function csiName({ driver, handle }: { driver: string; handle: string }): string {
  return `${csiPluginName}/${driver}^${handle}`;
}

async function names(directory: string): Promise<string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return [];
    throw error;
  }
}
