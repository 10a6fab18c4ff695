import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { lockFile } from '@berth/linux';

const fileName = /^([a-z0-9-]{1,64})\.(lock|log)$/;

/** Removes lock and log of a mount, unless its process lives. */
export function forgetMount(folder: string, key: string): void {
  const paths = ['log', 'lock'].map((suffix) => join(folder, `${key}.${suffix}`));
  if (!paths.some((path) => existsSync(path))) return;
  // Held meanwhile: nobody begins to serve with a lock that is about to lose its name.
  using lock = lockFile(join(folder, `${key}.lock`));
  if (!lock) return;
  for (const path of paths) rmSync(path, { force: true });
}

/** Removes locks and logs of mounts that are gone: whose process was killed while no driver ran, or went with the machine. */
export function sweepMounts(folder: string): void {
  if (!existsSync(folder)) return;
  const keys = new Set(readdirSync(folder).flatMap((name) => fileName.exec(name)?.[1] ?? []));
  for (const key of keys) forgetMount(folder, key);
}
