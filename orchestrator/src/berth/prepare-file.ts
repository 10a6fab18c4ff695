import { readlinkSync, statSync } from 'node:fs';
import { mkdtemp, rmdir } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { makeFolders } from '@berth/kit';

/** Makes a file's folder, before anything is started that would have to be stopped again. @throws an error – no file can be there. */
export async function prepareFile(file: string): Promise<void> {
  const path = resolve(file);
  await makeFolders(dirname(path));
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) throw new Error('it is a directory');
  if (!isReplaceable(path)) throw new Error('it is not a regular file');
  // Files are replaced by new ones, which a folder may not take, whatever its mode says: a read-only filesystem, /proc.
  await rmdir(await mkdtemp(`${path}.`));
}

/** Whether a file may take the place of what is there: /dev/null would be one from then on, and /dev/stdout, for everyone. */
export function isReplaceable(path: string): boolean {
  return (statSync(path, { throwIfNoEntry: false })?.isFile() ?? true) && !linkAt(path).startsWith('/proc/');
}

/** Where a symlink leads to; of others nothing. */
function linkAt(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}
