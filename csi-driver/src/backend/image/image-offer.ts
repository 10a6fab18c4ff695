import { grpcError } from '@berth/protos';
import { placeParameters } from '../../rules/deletion.ts';
import type { Offer } from '../backend.ts';
import { objectionToImageFlags } from './image-flags.ts';
import { parseMkfsOptions } from './mkfs-options.ts';
import { type FsType, fsTypes } from './superblock.ts';

const MiB = 1024 ** 2;
/** Loop devices come in sectors, filesystems in blocks; this is a multiple of both. */
const blockBytes = 4096;

/** The least a mkfs takes: mkfs.xfs refuses below 300 MiB, mkfs.btrfs below 109 MiB. */
const leastBytes: Readonly<Record<FsType, number>> = { ext4: 2 * MiB, xfs: 300 * MiB, btrfs: 128 * MiB };

/** Made where a capability names no filesystem. */
export const defaultFsType: FsType = 'ext4';

export function isFsType(name: string | undefined): name is FsType {
  return fsTypes.some((fsType) => fsType === name);
}

/** Volumes that are block devices, with a filesystem or without. */
export const imageOffer: Offer = {
  block: true,
  fsTypes,
  mutableParameters: ['provisioning'],
  objectionToFsType: (fsType) => `fs_type "${fsType}" cannot be had: images are formatted with ${fsTypes.join(', ')}`,
  objectionToFlags: objectionToImageFlags,
  checkParameters: (parameters, fsType) => {
    for (const [key, value] of Object.entries(parameters)) {
      if (key === 'provisioning' && (value === 'thin' || value === 'reserved')) continue;
      if (key === 'mkfsOptions') {
        parseMkfsOptions(value, isFsType(fsType) ? fsType : defaultFsType);
        continue;
      }
      throw grpcError(
        'INVALID_ARGUMENT',
        key === 'provisioning'
          ? `parameter "provisioning" is "${value}"; allowed are thin, reserved`
          : `parameter "${key}" is unknown: the image backend takes provisioning, mkfsOptions, ${placeParameters.join(', ')}`,
      );
    }
  },
  sizeFor: (requiredBytes, fsType) => {
    const least = isFsType(fsType) ? leastBytes[fsType] : MiB;
    return Math.ceil(Math.max(requiredBytes, least) / blockBytes) * blockBytes;
  },
};

/** Whether every byte of the volume has its room on the disk from the beginning. */
export function isReserved(parameters: Readonly<Record<string, string>>): boolean {
  return parameters['provisioning'] === 'reserved';
}
