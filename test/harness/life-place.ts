import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { linuxMounter } from '@berth/linux';
import { driverFolder } from './driver-process.ts';
import { mountPool } from './mount-pool.ts';

/**
 * A folder for a driver and its pool, which is a filesystem of its own where asked. All of it is in memory: thousands of
 * lives then do not wait for a disk, and a crash that leaves the kernel running finds the same there.
 */
export async function lifePlace(poolFs?: 'xfs' | 'btrfs', poolMiB = 1024) {
  const place = driverFolder();
  linuxMounter.mount({ fsType: 'tmpfs', source: 'tmpfs', target: place.folder, options: ['size=2g', 'mode=0755'] });
  const pool = join(place.folder, 'pool');
  if (poolFs) await mountPool(place.folder, { pool, poolFs, poolMiB });
  else mkdirSync(pool);
  return {
    folder: place.folder,
    endpoint: place.endpoint,
    pool,
    /** Mounts of volumes. */
    mounts: () => place.mounts().filter(({ mountPoint }) => mountPoint !== pool),
    [Symbol.dispose]: () => {
      // The pool last, and for good: its loop device goes with it.
      for (const { mountPoint } of place.mounts().toReversed()) {
        linuxMounter.unmount(mountPoint, { lazy: true });
      }
      linuxMounter.unmount(place.folder, { lazy: true });
      place[Symbol.dispose]();
    },
  };
}
