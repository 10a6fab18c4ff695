import { lstatSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { listLoops } from '@berth/linux';

/** Folders in folders that a pool always has. */
const standing = new Set(['nfs/staged', 'nfs/trash', 'nfs/shares', 'nfs/mounts']);

/** What is below a pool besides its catalog and its own folders: nothing, when every volume was deleted. */
export function leftInPool(pool: string): string[] {
  return entriesBelow(pool).filter((name) => {
    if (name === 'lock' || name === 'pool-id' || name.startsWith('catalog.db') || standing.has(name)) return false;
    // Where to look on the day the catalog is lost.
    if (name.startsWith('nfs/shares/')) return false;
    return name.includes('/') || !lstatSync(join(pool, name)).isDirectory();
  });
}

/** All that is below a folder, of which something may be removed meanwhile: a trash is being emptied. */
export function entriesBelow(folder: string): string[] {
  for (;;) {
    try {
      return readdirSync(folder, { recursive: true, encoding: 'utf8' });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
}

/** Loop devices of volumes with these ids. */
export function loopsOf(ids: ReadonlySet<string>): string[] {
  return listLoops()
    .filter(({ backingFile }) => ids.has(basename(backingFile.replace(/ \(deleted\)$/, ''))))
    .map(({ number, backingFile }) => `/dev/loop${number} on ${backingFile}`);
}
