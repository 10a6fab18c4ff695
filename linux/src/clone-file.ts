import * as flags from './flags.ts';
import { isErrno } from './kernel-error.ts';
import { callAsync, libc } from './libc.ts';
import type { Fd } from './open-in-root.ts';

export interface FileRange {
  readonly sourceOffset: number;
  /** 0 for all up to the end. */
  readonly length: number;
  readonly targetOffset: number;
}

/** errnos of a filesystem that has no shared blocks, or of two files that cannot share any (ioctl_ficlone(2)). */
const cannotShare = ['EOPNOTSUPP', 'ENOTTY', 'EXDEV', 'EINVAL', 'ENOSYS', 'ENOTSUP', 'ETXTBSY'];

/**
 * Makes `target` (writable) hold what `source` holds, sharing its blocks: in one step, and constant time for most files.
 * @returns false where the filesystem cannot; nothing was changed then.
 */
export function cloneFile(source: Fd, target: Fd): Promise<boolean> {
  return clones(libc.ioctlNumber, [target.number, flags.IOCTL.ficlone, source.number]);
}

/** Shares a range, whose offsets and length are multiples of the filesystem's blocks. @returns false where it cannot. */
export function cloneFileRange(source: Fd, target: Fd, range: FileRange): Promise<boolean> {
  const argument = Buffer.alloc(32);
  argument.writeBigInt64LE(BigInt(source.number), 0);
  argument.writeBigUInt64LE(BigInt(range.sourceOffset), 8);
  argument.writeBigUInt64LE(BigInt(range.length), 16);
  argument.writeBigUInt64LE(BigInt(range.targetOffset), 24);
  return clones(libc.ioctlPointer, [target.number, flags.IOCTL.ficloneRange, argument]);
}

async function clones(work: Parameters<typeof callAsync>[0], args: readonly unknown[]): Promise<boolean> {
  try {
    await callAsync(work, args, { syscall: 'ioctl(FICLONE)', what: 'of a file' });
    return true;
  } catch (error) {
    if (isErrno(error, ...cannotShare)) return false;
    throw error;
  }
}
