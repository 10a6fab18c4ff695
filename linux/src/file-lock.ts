import { closeSync, fstatSync, openSync, readFileSync, statSync } from 'node:fs';
import * as flags from './flags.ts';
import { isErrno } from './kernel-error.ts';
import { check, libc } from './libc.ts';

/**
 * Takes a lock (flock(2)) on a file, made when missing. The kernel drops it with the process, however it ends.
 * A `shared` one goes beside other shared ones; an exclusive one is alone, also within this process.
 * @returns undefined when someone else's stands against it.
 */
export function lockFile(path: string, { shared = false } = {}): Disposable | undefined {
  while (true) {
    const fd = openSync(path, 'a', 0o600);
    try {
      check(libc.flock(fd, (shared ? flags.LOCK_SH : flags.LOCK_EX) | flags.LOCK_NB), 'flock', path);
      // Between open and lock its last holder may have removed it: a lock on what has no name keeps nobody out.
      if (fstatSync(fd).ino === statSync(path, { throwIfNoEntry: false })?.ino)
        return { [Symbol.dispose]: () => closeSync(fd) };
      closeSync(fd);
    } catch (error) {
      closeSync(fd);
      if (isErrno(error, 'EAGAIN')) return undefined;
      throw error;
    }
  }
}

/**
 * The process that holds an exclusive lock on the file, by the kernel's own list (proc_locks(5)); it takes no lock to find out.
 * @returns undefined where nobody does, or where the list does not tell: file systems with device numbers of their own.
 */
export function lockHolder(path: string): number | undefined {
  const facts = statSync(path, { throwIfNoEntry: false, bigint: true });
  if (!facts) return undefined;
  const hex = (part: bigint) => part.toString(16).padStart(2, '0');
  // glibc's makedev: 12 bits of the major number in the middle, 20 of the minor around them (for numbers below 2^32).
  const [major, minor] = [(facts.dev >> 8n) & 0xfffn, (facts.dev & 0xffn) | ((facts.dev >> 12n) & 0xfff00n)];
  const file = `${hex(major)}:${hex(minor)}:${facts.ino}`;
  for (const line of readFileSync('/proc/locks', 'utf8').split('\n')) {
    const [, kind, , mode, pid, where] = line.split(/\s+/);
    if (kind === 'FLOCK' && mode === 'WRITE' && where === file && Number(pid) > 0) return Number(pid);
  }
  return undefined;
}
