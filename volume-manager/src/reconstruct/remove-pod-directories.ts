import { readdir, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { isErrno } from '@berth/linux';
import type { Layout } from '../kubelet-dir/layout.ts';

/** Removes the empty directories that held a pod's volumes. What is not empty stays: it would be someone's data. */
export async function removePodDirectories(layout: Layout, podUid: string): Promise<void> {
  for (const parent of [
    layout.podVolumes(podUid),
    layout.podDevices(podUid),
    layout.subPaths(podUid),
    layout.podPlugins(podUid),
  ]) {
    for (const name of await readdir(parent).catch(() => [])) await removeIfEmpty(join(parent, name));
    await removeIfEmpty(parent);
  }
}

async function removeIfEmpty(path: string): Promise<void> {
  try {
    await rmdir(path);
  } catch (error) {
    if (!isErrno(error, 'ENOENT', 'ENOTEMPTY', 'EEXIST', 'ENOTDIR', 'EBUSY')) throw error;
  }
}
