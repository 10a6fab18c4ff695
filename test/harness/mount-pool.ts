import { execFileSync } from 'node:child_process';
import { mkdirSync, openSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { attachLoop, Fd, linuxMounter, loopPath } from '@berth/linux';

/** Makes a filesystem in a sparse file below the folder and mounts it as the pool; its loop device goes with the mount. */
export async function mountPool(
  folder: string,
  { pool, poolFs, poolMiB }: { pool: string; poolFs: string; poolMiB: number },
) {
  const file = join(folder, 'pool.img');
  writeFileSync(file, '');
  truncateSync(file, poolMiB * 1024 ** 2);
  execFileSync(`mkfs.${poolFs}`, ['-q', file]);
  mkdirSync(pool);
  await mountPoolAgain(folder, { pool, poolFs });
}

/** Mounts the filesystem that {@link mountPool} made. @throws KernelError – it is still mounted somewhere. */
export async function mountPoolAgain(folder: string, { pool, poolFs }: { pool: string; poolFs: string }) {
  using backing = new Fd(openSync(join(folder, 'pool.img'), 'r+'));
  const loop = await attachLoop(backing, { autoclear: true });
  using _device = loop.device;
  linuxMounter.mount({ fsType: poolFs, source: loopPath(loop.number), target: pool });
}
