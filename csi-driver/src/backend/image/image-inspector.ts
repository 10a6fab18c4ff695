import { readSync, statSync } from 'node:fs';
import { type Fd, type MountInfo, openFileAt } from '@berth/linux';
import { findingOf, mountFindings } from '../../health/volume-findings.ts';
import type { HealthFinding, VolumeSpec } from '../backend.ts';

export interface ImageLook {
  /** The directory with the images. */
  readonly images: Fd;
  /** Filesystems mounted from images, by volume. */
  readonly mounts: ReadonlyMap<string, MountInfo>;
}

/** Tells what is wrong with an image: the file, and the filesystem on it, mounted or not. */
export function imageInspector({ images, mounts }: ImageLook): (volume: VolumeSpec) => HealthFinding[] {
  return ({ id, capacityBytes }) => {
    const mount = mounts.get(id);
    const onMount = mount ? mountFindings(mount) : [];
    try {
      using file = openFileAt(images, id, 'read');
      const { size } = statSync(file.path);
      const cut = size < capacityBytes ? [truncated(size, capacityBytes)] : [];
      return [...cut, ...(mount ? onMount : unmountedFindings(file))];
    } catch (error) {
      return [findingOf(error), ...onMount];
    }
  };
}

function truncated(size: number, capacityBytes: number): HealthFinding {
  const message = `the image has ${size} bytes of ${capacityBytes}: its end is lost; restore it from a snapshot or a backup`;
  return { status: 'DATA_LOSS', reason: 'ImageTruncated', message };
}

/** linux/fs/ext4/ext4.h, struct ext4_super_block: s_magic, and s_state with EXT4_ERROR_FS. */
const superblock = { at: 1024, length: 0x3c, magicAt: 0x38, magic: 0xef53, stateAt: 0x3a, errors: 0x2 };

/** ext4 writes down that it found errors; it is checked when it is staged next. */
function unmountedFindings(file: Fd): HealthFinding[] {
  const block = Buffer.alloc(superblock.length);
  readSync(file.number, block, 0, block.length, superblock.at);
  if (block.readUInt16LE(superblock.magicAt) !== superblock.magic) return [];
  if ((block.readUInt16LE(superblock.stateAt) & superblock.errors) === 0) return [];
  const message = 'its ext4 found errors in itself when it was used last; it is checked when it is staged next';
  return [{ status: 'DEGRADED', reason: 'FilesystemErrors', message }];
}
