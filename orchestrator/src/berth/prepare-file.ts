import { mkdtemp, rmdir, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { makeFolders } from '@berth/kit';

/** Makes a file's folder, before anything is started that would have to be stopped again. @throws an error – no file can be there. */
export async function prepareFile(file: string): Promise<void> {
  const path = resolve(file);
  await makeFolders(dirname(path));
  const facts = await stat(path).catch(() => undefined);
  if (facts?.isDirectory()) throw new Error('it is a directory');
  // /dev/null would be a file from then on, for everyone.
  if (facts && !facts.isFile()) throw new Error('it is not a regular file');
  // Files are replaced by new ones, which a folder may not take, whatever its mode says: a read-only filesystem, /proc.
  await rmdir(await mkdtemp(`${path}.`));
}
