import { chmod, mkdir } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { isErrno, type Mounter, openRoot, removeTree } from '@berth/linux';
import { unmountAll } from '../mount-table.ts';

export interface VolumeDirectory {
  readonly path: string;
  readonly mode: number;
  /** Held in memory: a tmpfs of at most this many bytes, or of the kernel's default where 0. */
  readonly tmpfsBytes?: bigint | undefined;
}

/** Makes a pod volume's directory, with a tmpfs on it where asked; what is there already stays. */
export async function makeVolumeDirectory(mounter: Mounter, directory: VolumeDirectory): Promise<void> {
  const { path, mode, tmpfsBytes } = directory;
  if (tmpfsBytes !== undefined && mounter.isLocalMountPoint(path)) return;
  await mkdir(path, { recursive: true, mode: 0o750 });
  // mkdir's mode passes through the umask.
  await chmod(path, mode);
  if (tmpfsBytes === undefined) return;
  const options = tmpfsBytes > 0n ? [`size=${tmpfsBytes}`] : [];
  mounter.mount({ fsType: 'tmpfs', source: 'tmpfs', target: path, options });
}

/** Unmounts the volume's own mount and removes the directory with what is in it; never what another mount holds below it. */
export async function removeVolumeDirectory(mounter: Mounter, path: string): Promise<void> {
  unmountAll(mounter, path);
  await removeIfThere(path);
}

async function removeIfThere(path: string): Promise<void> {
  try {
    using parent = openRoot(dirname(path));
    await removeTree(parent, basename(path));
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error;
  }
}
