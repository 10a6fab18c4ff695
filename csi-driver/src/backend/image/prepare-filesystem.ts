import { chmodSync, readdirSync } from 'node:fs';
import { type Fd, inspectAt, openFileAt, readsAsZeros } from '@berth/linux';
import { grpcError } from '@berth/protos';
import type { VolumeSpec } from '../backend.ts';
import { type Device, type Filesystems, markFormatting } from './filesystem.ts';
import { defaultFsType, isFsType } from './image-offer.ts';
import { parseMkfsOptions } from './mkfs-options.ts';
import { type FsType, roomToGrow } from './superblock.ts';

export interface Preparation {
  readonly volume: VolumeSpec;
  readonly device: Device;
  /** Where images are. */
  readonly images: Fd;
  /** Asked by the capability; empty for the volume's own. */
  readonly fsType: string;
  readonly readOnly: boolean;
}

/**
 * Makes sure that the device holds a filesystem that can be mounted: formats an empty one, checks one that was left unclean.
 * @throws GrpcError FAILED_PRECONDITION – it holds something else than asked, or is empty and to be read only.
 */
export async function prepareFilesystem(filesystems: Filesystems, preparation: Preparation): Promise<FsType> {
  const { volume, device, images, readOnly } = preparation;
  const asked = preparation.fsType || volume.fsType;
  const found = await filesystems.probe(device);
  if (found !== 'empty') {
    if (asked !== undefined && asked !== found) {
      throw grpcError(
        'FAILED_PRECONDITION',
        `stage volume "${volume.id}": device holds ${found}, request asks ${asked}`,
      );
    }
    if (readOnly) return found;
    await filesystems.check(device);
    // The others grow mounted, and only so; this one then needs a capability.
    if (found === 'ext4' && roomToGrow(device.fd)) await filesystems.growUnmounted(device);
    return found;
  }
  if (readOnly) {
    throw grpcError(
      'FAILED_PRECONDITION',
      `stage volume "${volume.id}": it is empty, and not formatted for reading only`,
    );
  }
  await refuseData(images, volume.id);
  const fsType = isFsType(asked) ? asked : defaultFsType;
  await markFormatting(images, volume.id, 'begun');
  await filesystems.make(device, fsType, parseMkfsOptions(volume.parameters['mkfsOptions'] ?? '', fsType));
  await markFormatting(images, volume.id, 'done');
  return fsType;
}

/** Of an image nobody wrote to, one look; a backup partition table at its end, or what a program keeps in the middle, is data too. */
async function refuseData(images: Fd, id: string): Promise<void> {
  using image = openFileAt(images, id, 'read');
  if (await readsAsZeros(image)) return;
  throw grpcError(
    'FAILED_PRECONDITION',
    `stage volume "${id}": device holds data that is no filesystem; it is not formatted`,
  );
}

/** Workloads run as any user. Only as long as nobody has used the filesystem: later its root is theirs. */
export function openToAll(root: Fd): void {
  const { mode, uid, gid } = inspectAt(root);
  if ((mode & 0o7777) !== 0o755 || uid !== 0 || gid !== 0) return;
  if (readdirSync(`${root.path}/.`).every((name) => name === 'lost+found')) chmodSync(`${root.path}/.`, 0o777);
}
