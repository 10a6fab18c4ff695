import assert from 'node:assert/strict';
import { chmodSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { driverFolder } from '../../harness/driver-process.ts';
import { freshDisk, type MountedDisk, type QuotaFs } from './disks.ts';
import type { DriverHere } from './driver-here.ts';

export const MiB = 1024 ** 2;

const oneWriter = { mount: {}, accessMode: { mode: 'SINGLE_NODE_WRITER' as const } };
export const manyNodes = { mount: {}, accessMode: { mode: 'MULTI_NODE_MULTI_WRITER' as const } };
type Capability = {
  readonly mount: { readonly fsType?: string };
  readonly accessMode: { readonly mode: 'SINGLE_NODE_WRITER' | 'MULTI_NODE_MULTI_WRITER' };
};

/** What of a driver a case needs, here or in a process of its own. */
export type Driver = Pick<DriverHere, 'controller' | 'node'>;

export interface Wish {
  readonly mib?: number;
  readonly parameters?: Record<string, string>;
  readonly source?: object;
  readonly capability?: Capability;
}

export async function createVolume({ controller }: Driver, name: string, wish: Wish) {
  const { mib = 64, parameters = {}, source, capability = oneWriter } = wish;
  const { volume } = await controller.CreateVolume({
    name,
    volumeCapabilities: [capability],
    capacityRange: { requiredBytes: String(mib * MiB), limitBytes: '0' },
    parameters,
    ...(source ? { volumeContentSource: source } : {}),
  });
  assert.ok(volume);
  return volume;
}

/** Stages and publishes a volume below the folder. Ids of volumes on servers have slashes. */
export async function useVolume(
  { node }: Driver,
  volumeId: string,
  { folder, capability = oneWriter }: { readonly folder: string; readonly capability?: Capability },
) {
  const stagingTargetPath = join(folder, `stage-${encodeURIComponent(volumeId)}`);
  const targetPath = join(folder, `target-${encodeURIComponent(volumeId)}`);
  mkdirSync(stagingTargetPath, { recursive: true });
  const request = { volumeId, stagingTargetPath, volumeCapability: capability };
  await node.NodeStageVolume(request);
  await node.NodePublishVolume({ ...request, targetPath });
  return {
    targetPath,
    release: async () => {
      await node.NodeUnpublishVolume({ volumeId, targetPath });
      await node.NodeUnstageVolume({ volumeId, stagingTargetPath });
    },
  };
}

export interface DriverPlace extends Disposable {
  readonly folder: string;
  readonly pool: string;
  readonly disk: MountedDisk;
  readonly mounts: ReturnType<typeof driverFolder>['mounts'];
}

/** A driver's folder with a pool on a disk of its own. */
export function driverPlace(fsType: QuotaFs, options?: readonly string[]): DriverPlace {
  const own = driverFolder();
  // A pod's own user goes through it.
  chmodSync(own.folder, 0o711);
  const pool = join(own.folder, 'pool');
  const disk = freshDisk(fsType, options, pool);
  return { ...own, pool, disk, [Symbol.dispose]: () => own[Symbol.dispose]() };
}
