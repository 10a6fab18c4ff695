import { closeSync, openSync } from 'node:fs';
import * as flags from './flags.ts';
import { isErrno } from './kernel-error.ts';
import { check, libc } from './libc.ts';

/**
 * Takes a lock (flock(2)) on a file, made when missing. The kernel drops it with the process, however it ends.
 * A `shared` one goes beside other shared ones; an exclusive one is alone, also within this process.
 * @returns undefined when someone else's stands against it.
 */
export function lockFile(path: string, { shared = false } = {}): Disposable | undefined {
  const fd = openSync(path, 'a', 0o600);
  try {
    check(libc.flock(fd, (shared ? flags.LOCK_SH : flags.LOCK_EX) | flags.LOCK_NB), 'flock', path);
  } catch (error) {
    closeSync(fd);
    if (isErrno(error, 'EWOULDBLOCK', 'EAGAIN')) return undefined;
    throw error;
  }
  return { [Symbol.dispose]: () => closeSync(fd) };
}
