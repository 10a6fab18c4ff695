import { type Dirent, existsSync, readdirSync, rmdirSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { isErrno, type Mounter } from '@berth/linux';
import { mountsBelow } from '../mount-table.ts';

/**
 * Unmounts and removes the subPath mounts of one volume of a pod, or of the whole pod (upstream subpath_linux.go doCleanSubPaths).
 * Files and directories that a bind mount was on are removed, nothing below a mount ever is.
 */
export function cleanSubPaths(mounter: Mounter, directory: string): void {
  // Reading the whole mount table is for pods that have subPaths.
  if (!existsSync(directory)) return;
  for (const mount of mountsBelow(mounter, directory)) mounter.unmount(mount.mountPoint);
  removeEmpty(directory);
}

function removeEmpty(directory: string): void {
  for (const entry of list(directory)) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) removeEmpty(path);
    else unlinkSync(path);
  }
  try {
    rmdirSync(directory);
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error;
  }
}

function list(directory: string): Dirent[] {
  try {
    return readdirSync(directory, { withFileTypes: true });
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return [];
    throw error;
  }
}
