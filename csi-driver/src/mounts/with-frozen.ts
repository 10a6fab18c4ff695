import { freezeFilesystem, isErrno, openRoot, reopen, thawFilesystem } from '@berth/linux';

/**
 * Does the work while the filesystem mounted at the path stands still, everything written to it on its device.
 * One that somebody else has frozen stays frozen.
 */
export async function withFrozen<T>(mountPoint: string, work: () => Promise<T>): Promise<T> {
  using handle = openRoot(mountPoint);
  using root = reopen(handle);
  let ours = true;
  try {
    await freezeFilesystem(root);
  } catch (error) {
    if (!isErrno(error, 'EBUSY')) throw error;
    ours = false;
  }
  try {
    return await work();
  } finally {
    if (ours) await thawFilesystem(root);
  }
}

/** Ends a freeze that a crash left. @returns whether it was frozen. */
export async function thaw(mountPoint: string): Promise<boolean> {
  using handle = openRoot(mountPoint);
  using root = reopen(handle);
  try {
    await thawFilesystem(root);
    return true;
  } catch (error) {
    if (isErrno(error, 'EINVAL')) return false;
    throw error;
  }
}
