import * as flags from './flags.ts';
import { isErrno } from './kernel-error.ts';
import { callAsync, libc } from './libc.ts';
import type { Fd } from './open-in-root.ts';

/** errnos of a filesystem that has no shared blocks, or of two files that cannot share any (ioctl_ficlone(2)). */
const cannotShare = ['EOPNOTSUPP', 'ENOTTY', 'EXDEV', 'EINVAL', 'ENOSYS', 'ENOTSUP', 'ETXTBSY'];

/**
 * Makes `target` (writable) hold what `source` holds, sharing its blocks: in one step, and constant time for most files.
 * @returns false where the filesystem cannot; nothing was changed then.
 */
export async function cloneFile(source: Fd, target: Fd): Promise<boolean> {
  try {
    const args = [target.number, flags.IOCTL.ficlone, source.number];
    await callAsync(libc.ioctlNumber, args, { syscall: 'ioctl(FICLONE)', what: 'of a file' });
    return true;
  } catch (error) {
    if (isErrno(error, ...cannotShare)) return false;
    throw error;
  }
}
