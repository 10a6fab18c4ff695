import { readFileSync } from 'node:fs';
import * as flags from './flags.ts';
import { isErrno } from './kernel-error.ts';
import { callAsync, check, libc, pathBytes } from './libc.ts';
import { reopen } from './open-file.ts';
import { assertSegment, Fd, openSegment } from './open-in-root.ts';
import { inspectAt } from './path-facts.ts';

/** Inode of every subvolume's root (linux/btrfs_tree.h, BTRFS_FIRST_FREE_OBJECTID). */
const rootInode = 256n;

const { btrfs } = flags;

/** Makes an empty subvolume; like mkdir(2), but it can be limited and copied as a whole. @throws KernelError EEXIST, ENOTTY */
export async function createSubvolumeAt(parent: Fd, name: string): Promise<void> {
  await onName(parent, { request: btrfs.subvolumeCreate, name, nameAt: 8, what: 'BTRFS_IOC_SUBVOL_CREATE' });
}

/** Makes a subvolume that shares everything with `source`, in constant time; what is written later is each one's own. */
export async function cloneSubvolumeAt(source: Fd, parent: Fd, name: string): Promise<void> {
  using readable = reopen(source);
  const fields = { request: btrfs.snapshotCreate, name, nameAt: 56, what: 'BTRFS_IOC_SNAP_CREATE_V2' };
  await onName(parent, { ...fields, source: readable.number });
}

/** Removes a subvolume with all it holds, in constant time. @returns false where the name is none, or holds another. */
export async function removeSubvolumeAt(parent: Fd, name: string): Promise<boolean> {
  try {
    {
      using entry = openSegment(parent, name);
      if (inspectAt(entry).inode !== rootInode) return false;
    }
    await onName(parent, { request: btrfs.snapshotDestroy, name, nameAt: 8, what: 'BTRFS_IOC_SNAP_DESTROY' });
    return true;
  } catch (error) {
    if (isErrno(error, 'ENOTTY', 'ENOTDIR', 'ENOENT', 'ELOOP', 'ENOTEMPTY', 'EINVAL')) return false;
    throw error;
  }
}

/** Makes the filesystem count what each subvolume holds, and waits until it has counted what is there. Idempotent. */
export async function enableSubvolumeQuota(directory: Fd): Promise<void> {
  using readable = reopen(directory);
  const enable = Buffer.alloc(16);
  enable.writeBigUInt64LE(1n, 0);
  await control(libc.ioctlPointer, [readable.number, btrfs.quotaControl, enable], 'BTRFS_IOC_QUOTA_CTL');
  await control(libc.ioctlNumber, [readable.number, btrfs.quotaRescanWait, 0], 'BTRFS_IOC_QUOTA_RESCAN_WAIT');
}

/** The most a subvolume may hold; further writes are EDQUOT. Also where it is full, or holds more. */
export async function limitSubvolume(subvolume: Fd, maxBytes: number): Promise<void> {
  // Through the directory around it: asked of a full one, the kernel finds no room in it to begin the change.
  using around = new Fd(
    check(
      libc.openat(subvolume.number, pathBytes('..'), flags.O_RDONLY | flags.O_DIRECTORY | flags.O_CLOEXEC, 0),
      'openat',
      '..',
    ),
  );
  // Flag 1 is max_referenced.
  const limit = Buffer.alloc(48);
  limit.writeBigUInt64LE(subvolumeId(subvolume), 0);
  limit.writeBigUInt64LE(1n, 8);
  limit.writeBigUInt64LE(BigInt(maxBytes), 16);
  await control(libc.ioctlPointer, [around.number, btrfs.quotaLimit, limit], 'BTRFS_IOC_QGROUP_LIMIT');
}

/** What a subvolume holds, shared or its own, as the filesystem counted it when it last wrote. */
export function subvolumeUsage(subvolume: Fd): { readonly usedBytes: number; readonly maxBytes: number } {
  using readable = reopen(subvolume);
  const information = Buffer.alloc(1024);
  check(libc.ioctlPointer(readable.number, btrfs.filesystemInfo, information), 'ioctl', 'BTRFS_IOC_FS_INFO');
  const uuid = information.toString('hex', 16, 32).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
  const folder = `/sys/fs/btrfs/${uuid}/qgroups/0_${subvolumeId(subvolume)}`;
  const read = (name: string) => Number(readFileSync(`${folder}/${name}`, 'utf8'));
  return { usedBytes: read('referenced'), maxBytes: read('max_referenced') };
}

function subvolumeId(subvolume: Fd): bigint {
  using readable = reopen(subvolume);
  const lookup = Buffer.alloc(4096);
  lookup.writeBigUInt64LE(rootInode, 8);
  check(libc.ioctlPointer(readable.number, btrfs.inodeLookup, lookup), 'ioctl', 'BTRFS_IOC_INO_LOOKUP');
  return lookup.readBigUInt64LE(0);
}

interface NameRequest {
  readonly request: number;
  readonly name: string;
  /** Where the name stands in the argument, a struct of 4096 bytes that begins with a file descriptor (linux/btrfs.h). */
  readonly nameAt: number;
  readonly what: string;
  readonly source?: number;
}

async function onName(parent: Fd, { request, name, nameAt, what, source = 0 }: NameRequest): Promise<void> {
  assertSegment(name);
  using readable = reopen(parent);
  const argument = Buffer.alloc(4096);
  argument.writeBigInt64LE(BigInt(source), 0);
  argument.write(name, nameAt);
  await control(libc.ioctlPointer, [readable.number, request, argument], `${what} ${name}`);
}

async function control(work: Parameters<typeof callAsync>[0], args: readonly unknown[], what: string): Promise<void> {
  await callAsync(work, args, { syscall: 'ioctl', what });
}
