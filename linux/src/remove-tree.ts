import { readdirSync } from 'node:fs';
import * as flags from './flags.ts';
import { isErrno } from './kernel-error.ts';
import { check, libc, pathBytes } from './libc.ts';
import { assertSegment, Fd } from './open-in-root.ts';
import { inspectAt } from './path-facts.ts';

/** Entries removed before other work of the process gets its turn. */
const batch = 256;

/**
 * Removes `name` in `parent` with all below it, by fd and without following a symlink or entering another mount.
 * An absent name is fine.
 * @throws KernelError EBUSY – something is mounted below; nothing of that mount was touched.
 */
export async function removeTree(parent: Fd, name: string): Promise<void> {
  assertSegment(name);
  const progress = { removed: 0 };
  await removeEntry(parent, Buffer.from(name).toString('latin1'), progress);
}

/** Removes an empty directory. @returns false where it holds something. */
export function removeEmptyAt(parent: Fd, name: string): boolean {
  assertSegment(name);
  try {
    check(libc.unlinkat(parent.number, pathBytes(name), flags.AT_REMOVEDIR), 'unlinkat', name);
    return true;
  } catch (error) {
    if (isErrno(error, 'ENOTEMPTY', 'EEXIST', 'ENOTDIR', 'EBUSY')) return false;
    throw error;
  }
}

async function removeEntry(parent: Fd, name: string, progress: { removed: number }): Promise<void> {
  if (++progress.removed % batch === 0) await new Promise<void>((resolve) => setImmediate(resolve));
  if (unlink(parent, name, 0)) return;
  using directory = openUnmounted(parent, name);
  if (!directory) return;
  for (const child of readdirSync(directory.path, { encoding: 'buffer' }))
    await removeEntry(directory, child.toString('latin1'), progress);
  unlink(parent, name, flags.AT_REMOVEDIR);
}

/** @returns false when it is a directory. Names are latin-1 views of bytes, so that no name is lost to decoding. */
function unlink(parent: Fd, name: string, how: number): boolean {
  try {
    check(libc.unlinkat(parent.number, Buffer.from(`${name}\0`, 'latin1'), how), 'unlinkat', name);
    return true;
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return true;
    if (how === 0 && isErrno(error, 'EISDIR')) return false;
    throw error;
  }
}

function openUnmounted(parent: Fd, name: string): Fd | undefined {
  const how = flags.O_RDONLY | flags.O_DIRECTORY | flags.O_NOFOLLOW | flags.O_CLOEXEC;
  try {
    const fd = new Fd(check(libc.openat(parent.number, Buffer.from(`${name}\0`, 'latin1'), how, 0), 'openat', name));
    if (!inspectAt(fd).isMountRoot) return fd;
    fd[Symbol.dispose]();
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
  check(libc.unlinkat(parent.number, pathBytes(name), flags.AT_REMOVEDIR), 'unlinkat', name);
  return undefined;
}
