import { lstat, open, readlink } from 'node:fs/promises';
import { join, posix } from 'node:path';

/** The kernel's own limit on symlinks in one lookup (path_resolution(7)). */
const maxSymlinks = 40;

/**
 * What `path` means to a process whose root is `root`: symlinks and `..` never lead out of it.
 * Only for trees nothing else is changing, such as the root filesystem of a container that does not run yet.
 */
async function resolveInRoot(root: string, path: string): Promise<string> {
  const todo = path.split('/');
  let at = '/';
  let links = 0;
  while (todo.length > 0) {
    const name = todo.shift()!;
    if (name === '' || name === '.') continue;
    const next = posix.join(at, name);
    const facts = name === '..' ? undefined : await lstat(join(root, next)).catch(() => undefined);
    if (!facts?.isSymbolicLink()) {
      at = next;
      continue;
    }
    if (++links > maxSymlinks) throw new Error(`${path}: too many symlinks`);
    const target = await readlink(join(root, next));
    todo.unshift(...target.split('/'));
    if (target.startsWith('/')) at = '/';
  }
  return join(root, at);
}

/** The text of a small regular file inside `root`; undefined where it is absent or anything else. */
export async function readInRoot(root: string, path: string, maxBytes: number): Promise<string | undefined> {
  const real = await resolveInRoot(root, path);
  const facts = await lstat(real).catch(() => undefined);
  if (!facts?.isFile() || facts.size > maxBytes) return undefined;
  await using file = await open(real, 'r');
  return await file.readFile('utf8');
}
