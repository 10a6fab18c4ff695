import { statSync } from 'node:fs';
import type { Mounter } from '@berth/linux';
import type { PoolOptions } from './backend/pool-options.ts';

/** The inode that the root of each subvolume has (btrfs(5), BTRFS_FIRST_FREE_OBJECTID). */
const subvolumeRoot = 256;

/**
 * What keeps a pool with `mount=` from being used; undefined where nothing does. What is mounted there has to be a filesystem
 * or subvolume of its own: a container sees the bare directory of its host as a mount too.
 */
export function objectionToMount({ path, mount }: PoolOptions, mounter: Pick<Mounter, 'mounts'>): string | undefined {
  if (mount === undefined) return undefined;
  const at = mount === 'required' ? path : mount;
  const found = mounter.mounts().findLast(({ mountPoint }) => mountPoint === at);
  if (!found) return `nothing is mounted at ${at}`;
  if (found.root === '/' || statSync(at, { throwIfNoEntry: false })?.ino === subvolumeRoot) return undefined;
  return `what is mounted at ${at} is ${found.root} of another filesystem, and none of its own`;
}
