import * as flags from './flags.ts';
import { check, checkUnless, libc, pathBytes } from './libc.ts';
import { assertSegment, Fd } from './open-in-root.ts';

export type FileAccess = 'read' | 'write' | 'handle';

/**
 * Opens an entry that is no directory and no symlink: for reading, for reading and writing, or as a mere handle.
 * Never waits for the other end of a fifo.
 * @throws KernelError ELOOP – it is a symlink; ENOENT, EACCES as usual.
 */
export function openFileAt(parent: Fd, name: string, access: FileAccess): Fd {
  assertSegment(name);
  const how = { read: flags.O_RDONLY | flags.O_NONBLOCK, write: flags.O_RDWR | flags.O_NONBLOCK, handle: flags.O_PATH };
  const open = how[access] | flags.O_NOFOLLOW | flags.O_CLOEXEC;
  return new Fd(check(libc.openat(parent.number, pathBytes(name), open, 0), 'openat', name));
}

/** Opens what a handle (O_PATH) names, for reading: a directory to list or to sync, a file, a device. */
export function reopen(handle: Fd, access: 'read' | 'write' = 'read'): Fd {
  const how = (access === 'read' ? flags.O_RDONLY : flags.O_RDWR) | flags.O_NONBLOCK | flags.O_CLOEXEC;
  return new Fd(check(libc.openat(flags.AT_FDCWD, pathBytes(handle.path), how, 0), 'open', handle.path));
}

/** Removes the name of a file in a directory. @returns false where there was none. */
export function removeFileAt(parent: Fd, name: string): boolean {
  assertSegment(name);
  return checkUnless('ENOENT', libc.unlinkat(parent.number, pathBytes(name), 0), 'unlinkat', name) !== undefined;
}
