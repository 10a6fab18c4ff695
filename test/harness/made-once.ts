import { mkdirSync, mkdtempSync, renameSync, rmSync, statSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';

/** What was made for tests once and is used by all checkouts of this user. */
export const testCache = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'berth');

/**
 * The file or folder `name` below the cache. Where it is not there yet, `make` makes it at the path it is given, and may
 * use the empty folder it is given besides, which goes afterwards. `name` says all that what is made depends on.
 */
export function madeOnce(name: string, make: (target: string, folder: string) => void): string {
  const path = join(testCache, name);
  if (statSync(path, { throwIfNoEntry: false })) return path;
  mkdirSync(dirname(path), { recursive: true });
  // Beside it, so that it can be renamed; several may be at it at once.
  const target = mkdtempSync(`${path}.new-`);
  const folder = mkdtempSync(join(tmpdir(), `berth-${basename(dirname(path))}-`));
  try {
    make(join(target, 'made'), folder);
    try {
      renameSync(join(target, 'made'), path);
    } catch (error) {
      // Another one's folder came first.
      if (!statSync(path, { throwIfNoEntry: false })) throw error;
    }
    return path;
  } finally {
    for (const each of [target, folder]) rmSync(each, { recursive: true, force: true });
  }
}
