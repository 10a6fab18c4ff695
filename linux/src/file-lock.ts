import { closeSync, openSync } from 'node:fs';
import * as flags from './flags.ts';
import { isErrno } from './kernel-error.ts';
import { check, libc } from './libc.ts';

/**
 * Takes an exclusive lock (flock(2)) on a file, made when missing. The kernel drops it with the process, however it ends.
 * @returns undefined when another process holds it.
 */
export function lockFile(path: string): Disposable | undefined {
  const fd = openSync(path, 'a', 0o600);
  try {
    check(libc.flock(fd, flags.LOCK_EX | flags.LOCK_NB), 'flock', path);
  } catch (error) {
    closeSync(fd);
    if (isErrno(error, 'EWOULDBLOCK', 'EAGAIN')) return undefined;
    throw error;
  }
  return { [Symbol.dispose]: () => closeSync(fd) };
}
