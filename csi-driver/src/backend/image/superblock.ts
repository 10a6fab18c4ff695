import { readSync } from 'node:fs';
import { deviceSize, type Fd } from '@berth/linux';

export type FsType = 'ext4' | 'xfs' | 'btrfs';

export const fsTypes: readonly FsType[] = ['ext4', 'xfs', 'btrfs'];

export interface Superblock {
  readonly fsType: FsType;
  /** What the filesystem thinks its device has. */
  readonly sizeBytes: number;
  /** False where it was not cleanly unmounted, or has found errors. Journals of xfs and btrfs are for the mount. */
  readonly clean: boolean;
}

/** Up to where the superblocks read here reach. */
const bytes = 0x10000 + 0x1000;

/** Reads what a filesystem says of itself. @returns undefined where none of ours is there. */
export function readSuperblock(device: Fd): Superblock | undefined {
  const block = Buffer.alloc(bytes);
  if (readSync(device.number, block, 0, bytes, 0) < bytes) return undefined;
  return ext4(block) ?? xfs(block) ?? btrfs(block);
}

/** Filesystems leave the last blocks of a device unused where they do not fill a group; less than this is not growth. */
const slackBytes = 1024 ** 2;

/** Whether the device is larger than its filesystem knows. */
export function roomToGrow(device: Fd): FsType | undefined {
  const superblock = readSuperblock(device);
  return superblock && deviceSize(device) - superblock.sizeBytes >= slackBytes ? superblock.fsType : undefined;
}

/** linux/fs/ext4/ext4.h, struct ext4_super_block, at byte 1024. */
function ext4(block: Buffer): Superblock | undefined {
  const at = 1024;
  if (block.readUInt16LE(at + 0x38) !== 0xef53) return undefined;
  const incompatible = block.readUInt32LE(at + 0x60);
  const high = (incompatible & 0x80) === 0 ? 0 : block.readUInt32LE(at + 0x150);
  const blocks = high * 2 ** 32 + block.readUInt32LE(at + 4);
  const state = block.readUInt16LE(at + 0x3a);
  const needsRecovery = (incompatible & 0x4) !== 0;
  return {
    fsType: 'ext4',
    sizeBytes: blocks * 1024 * 2 ** block.readUInt32LE(at + 0x18),
    clean: (state & 1) === 1 && (state & 2) === 0 && !needsRecovery,
  };
}

/** linux/fs/xfs/libxfs/xfs_format.h, struct xfs_dsb, big-endian. */
function xfs(block: Buffer): Superblock | undefined {
  if (block.toString('latin1', 0, 4) !== 'XFSB') return undefined;
  return { fsType: 'xfs', sizeBytes: Number(block.readBigUInt64BE(8)) * block.readUInt32BE(4), clean: true };
}

/** linux/fs/btrfs/accessors.h, struct btrfs_super_block, at 64 KiB. */
function btrfs(block: Buffer): Superblock | undefined {
  if (block.toString('latin1', 0x10040, 0x10048) !== '_BHRfS_M') return undefined;
  return { fsType: 'btrfs', sizeBytes: Number(block.readBigUInt64LE(0x10070)), clean: true };
}
