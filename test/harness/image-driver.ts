import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { detachLoop, linuxMounter, listLoops } from '@berth/linux';
import { expect } from 'vitest';
import { type DriverProcess, driverFolder } from './driver-process.ts';
import { mountPool } from './mount-pool.ts';

const MiB = 1024 ** 2;

export type Access =
  | { readonly block: Record<string, never> }
  | { readonly mount: { fsType?: string; mountFlags?: string[] } };

/** A capability of one node, written by one pod at a time unless told otherwise. */
export function capabilityOf(
  access: Access,
  mode: 'SINGLE_NODE_WRITER' | 'SINGLE_NODE_MULTI_WRITER' = 'SINGLE_NODE_WRITER',
) {
  return { ...access, accessMode: { mode } };
}

/** A driver's folder whose pool is on a filesystem of its own, where asked. Disposing detaches, and expects nothing leaked. */
export async function imageFolder(poolFs?: 'xfs' | 'btrfs', poolMiB = 2048) {
  const place = driverFolder();
  const pool = join(place.folder, 'pool');
  if (poolFs) await mountPool(place.folder, { pool, poolFs, poolMiB });
  /** Loop devices of volumes of this pool. */
  const loops = () => listLoops().filter(({ backingFile }) => backingFile.startsWith(`${pool}/`));
  return {
    ...place,
    pool,
    loops,
    [Symbol.asyncDispose]: async () => {
      for (const { mountPoint } of place.mounts().toReversed()) {
        if (mountPoint !== pool) linuxMounter.unmount(mountPoint, { lazy: true });
      }
      try {
        for (const { number } of loops()) await detachLoop(number, () => loops().some((one) => one.number === number));
        await expect.poll(loops).toEqual([]);
      } finally {
        place[Symbol.dispose]();
      }
    },
  };
}

export interface NewImage {
  readonly access: Access;
  readonly mib?: number;
  readonly parameters?: Record<string, string>;
  readonly source?: object;
}

export async function createImage({ controller }: DriverProcess, name: string, wish: NewImage): Promise<string> {
  const { access, mib = 64, parameters = {}, source } = wish;
  const { volume } = await controller.CreateVolume({
    name,
    volumeCapabilities: [capabilityOf(access)],
    capacityRange: { requiredBytes: String(mib * MiB), limitBytes: '0' },
    parameters: { backend: 'image', ...parameters },
    ...(source ? { volumeContentSource: source } : {}),
  });
  return volume!.volumeId;
}

/** Stages and publishes a volume below the folder; gives the two paths and how to undo both. */
export async function useImage(
  driver: DriverProcess,
  volumeId: string,
  use: { folder: string; access: Access; name?: string },
) {
  const { folder, access, name = volumeId } = use;
  const paths = { stagingTargetPath: join(folder, `stage-${name}`), targetPath: join(folder, `target-${name}`) };
  if (!existsSync(paths.stagingTargetPath)) mkdirSync(paths.stagingTargetPath);
  const volumeCapability = capabilityOf(access);
  await driver.node.NodeStageVolume({ volumeId, stagingTargetPath: paths.stagingTargetPath, volumeCapability });
  await driver.node.NodePublishVolume({ volumeId, ...paths, volumeCapability });
  const release = async ({ node }: DriverProcess = driver) => {
    await node.NodeUnpublishVolume({ volumeId, targetPath: paths.targetPath });
    await node.NodeUnstageVolume({ volumeId, stagingTargetPath: paths.stagingTargetPath });
  };
  return { ...paths, release };
}
