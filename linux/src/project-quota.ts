import * as flags from './flags.ts';
import { isErrno } from './kernel-error.ts';
import { check, libc } from './libc.ts';
import { reopen } from './open-file.ts';
import type { Fd } from './open-in-root.ts';

/** What a project holds and may hold. A limit of 0 is none. */
export interface ProjectUsage {
  readonly usedBytes: number;
  readonly maxBytes: number;
  readonly inodes: number;
  readonly maxInodes: number;
}

/** Quota of the kernel's own kind PRJQUOTA (linux/quota.h). */
const projectType = 2;
const noUsage: ProjectUsage = { usedBytes: 0, maxBytes: 0, inodes: 0, maxInodes: 0 };
/** Limits are in KiB (QIF_DQBLKSIZE), whatever the filesystem's blocks are. */
const quotaBlock = 1024;

const { quota } = flags;

/**
 * Whether the filesystem that holds `directory` stops a project at its limit: `off` where it counts none, `counts` where
 * it only counts (ext4 without `prjquota`, xfs with `pqnoenforce`).
 */
export function projectQuotaState(directory: Fd): 'off' | 'counts' | 'enforces' {
  const state = Buffer.alloc(512);
  // FS_QSTATV_VERSION1
  state.writeInt8(1, 0);
  try {
    control(directory, quota.getState, { id: 0, argument: state });
  } catch (error) {
    // ENOTSUPP has no name outside of the kernel: a filesystem that knows no quotas at all.
    if (isErrno(error, 'ENOSYS', 'ESRCH', 'EINVAL', 'EOPNOTSUPP', 'ENOTTY', 'ENODEV', 'EPERM')) return 'off';
    throw error;
  }
  const known = state.readUInt16LE(2);
  if ((known & quota.projectsCounted) === 0) return 'off';
  return (known & quota.projectsEnforced) === 0 ? 'counts' : 'enforces';
}

/** The project a directory belongs to; 0 where to none. @throws KernelError ENOTTY, EOPNOTSUPP – the filesystem has no projects. */
export function projectOf(directory: Fd): number {
  using readable = reopen(directory);
  return attributesOf(readable).readUInt32LE(12);
}

/** Puts a directory into a project; all that is made in it later follows, what is in it already does not. */
export function setProject(directory: Fd, id: number): void {
  using readable = reopen(directory);
  const attributes = attributesOf(readable);
  const inherit = id === 0 ? 0 : quota.inheritProject;
  attributes.writeUInt32LE(((attributes.readUInt32LE(0) & ~quota.inheritProject) | inherit) >>> 0, 0);
  attributes.writeUInt32LE(id, 12);
  check(libc.ioctlPointer(readable.number, quota.setAttributes, attributes), 'ioctl', `FS_IOC_FSSETXATTR ${id}`);
}

/** The most a project may hold on the filesystem of `directory`; further writes are EDQUOT (ext4) or ENOSPC (xfs). 0 takes the limit off. */
export function limitProject(directory: Fd, id: number, maxBytes: number): void {
  const limits = Buffer.alloc(72);
  const blocks = BigInt(Math.ceil(maxBytes / quotaBlock));
  limits.writeBigUInt64LE(blocks, 0);
  limits.writeBigUInt64LE(blocks, 8);
  limits.writeUInt32LE(quota.blockLimitsValid, 64);
  control(directory, quota.set, { id, argument: limits });
}

/** What the filesystem counts for a project, in constant time. */
export function projectUsage(directory: Fd, id: number): ProjectUsage {
  const usage = Buffer.alloc(72);
  try {
    control(directory, quota.get, { id, argument: usage });
  } catch (error) {
    // xfs keeps nothing about a project that never held anything.
    if (isErrno(error, 'ENOENT')) return noUsage;
    throw error;
  }
  const read = (offset: number) => Number(usage.readBigUInt64LE(offset));
  return { usedBytes: read(16), maxBytes: read(0) * quotaBlock, inodes: read(40), maxInodes: read(24) };
}

function attributesOf(readable: Fd): Buffer {
  const attributes = Buffer.alloc(28);
  check(libc.ioctlPointer(readable.number, quota.getAttributes, attributes), 'ioctl', 'FS_IOC_FSGETXATTR');
  return attributes;
}

interface QuotaCall {
  readonly id: number;
  readonly argument: Buffer;
}

function control(directory: Fd, command: number, { id, argument }: QuotaCall): void {
  const how = ((command << 8) | projectType) >>> 0;
  const result = libc.quotactlFd(libc.numbers.quotactl_fd, directory.number, how, id, argument);
  check(Number(result), 'quotactl', `0x${command.toString(16)} of project ${id}`);
}
