import { constants } from 'node:os';
import koffi from 'koffi';
import { KernelError } from './kernel-error.ts';

/** System call numbers that are the same on x86_64 and arm64 (asm-generic/unistd.h, from 424 on shared by all). */
const numbers = { open_tree: 428, move_mount: 429, openat2: 437, mount_setattr: 442, quotactl_fd: 443 } as const;

const lib = koffi.load('libc.so.6');
/** Where a number has two names the last one counts; that of EAGAIN is what man pages and node:fs call it. */
const names = new Map<number, string>([
  ...Object.entries(constants.errno).map(([name, n]) => [n, name] as const),
  [constants.errno.EAGAIN, 'EAGAIN'],
]);

/** Paths travel as bytes ending in NUL: a name is not always UTF-8, and one with a NUL inside is refused before the kernel sees half of it. */
type PathBytes = Buffer;

export const libc = {
  mount: lib.func(
    'int mount(const uint8_t *source, const uint8_t *target, const uint8_t *type, unsigned long flags, const uint8_t *data)',
  ),
  umount2: lib.func('int umount2(const uint8_t *target, int flags)'),
  unlinkat: lib.func('int unlinkat(int dirfd, const uint8_t *path, int flags)'),
  mkdirat: lib.func('int mkdirat(int dirfd, const uint8_t *path, unsigned int mode)'),
  faccessat: lib.func('int faccessat(int dirfd, const uint8_t *path, int mode, int flags)'),
  openat: lib.func('int openat(int dirfd, const uint8_t *path, int flags, unsigned int mode)'),
  renameat: lib.func('int renameat(int olddir, const uint8_t *oldpath, int newdir, const uint8_t *newpath)'),
  symlinkat: lib.func('int symlinkat(const uint8_t *target, int dirfd, const uint8_t *path)'),
  close: lib.func('int close(int fd)'),
  dup3: lib.func('int dup3(int from, int to, int flags)'),
  flock: lib.func('int flock(int fd, int operation)'),
  statx: lib.func('int statx(int dirfd, const uint8_t *path, int flags, unsigned int mask, uint8_t *out)'),
  fchownat: lib.func('int fchownat(int dirfd, const uint8_t *path, unsigned int uid, unsigned int gid, int flags)'),
  linkat: lib.func('int linkat(int olddir, const uint8_t *oldpath, int newdir, const uint8_t *newpath, int flags)'),
  mknodat: lib.func('int mknodat(int dirfd, const uint8_t *path, unsigned int mode, uint64_t dev)'),
  fchmodat: lib.func('int fchmodat(int dirfd, const uint8_t *path, unsigned int mode, int flags)'),
  utimensat: lib.func('int utimensat(int dirfd, const uint8_t *path, uint8_t *times, int flags)'),
  setxattr: lib.func(
    'int setxattr(const uint8_t *path, const uint8_t *name, const uint8_t *value, size_t size, int flags)',
  ),
  syncfs: lib.func('int syncfs(int fd)'),
  ioctlPointer: lib.func('ioctl', 'int', ['int', 'unsigned long', 'uint8_t *']),
  ioctlNumber: lib.func('ioctl', 'int', ['int', 'unsigned long', 'unsigned long']),
  fallocate: lib.func('int fallocate(int fd, int mode, int64_t offset, int64_t length)'),
  ftruncate: lib.func('int ftruncate(int fd, int64_t length)'),
  fsync: lib.func('int fsync(int fd)'),
  lseek: lib.func('int64_t lseek(int fd, int64_t offset, int whence)'),
  copyFileRange: lib.func(
    'int64_t copy_file_range(int fdIn, uint8_t *offIn, int fdOut, uint8_t *offOut, size_t length, unsigned int flags)',
  ),
  flistxattr: lib.func('int64_t flistxattr(int fd, uint8_t *list, size_t size)'),
  fgetxattr: lib.func('int64_t fgetxattr(int fd, const uint8_t *name, uint8_t *value, size_t size)'),
  llistxattr: lib.func('int64_t llistxattr(const uint8_t *path, uint8_t *list, size_t size)'),
  lgetxattr: lib.func('int64_t lgetxattr(const uint8_t *path, const uint8_t *name, uint8_t *value, size_t size)'),
  lsetxattr: lib.func(
    'int lsetxattr(const uint8_t *path, const uint8_t *name, const uint8_t *value, size_t size, int flags)',
  ),
  lremovexattr: lib.func('int lremovexattr(const uint8_t *path, const uint8_t *name)'),
  openTree: lib.func('syscall', 'long', ['long', 'int', 'uint8_t *', 'uint']),
  moveMount: lib.func('syscall', 'long', ['long', 'int', 'uint8_t *', 'int', 'uint8_t *', 'uint']),
  openat2: lib.func('syscall', 'long', ['long', 'int', 'uint8_t *', 'uint8_t *', 'size_t']),
  mountSetattr: lib.func('syscall', 'long', ['long', 'int', 'uint8_t *', 'uint', 'uint8_t *', 'size_t']),
  quotactlFd: lib.func('syscall', 'long', ['long', 'uint', 'uint', 'uint', 'uint8_t *']),
  numbers,
} as const;

/** @throws KernelError EINVAL – the path holds a NUL byte. */
export function pathBytes(path: string): PathBytes {
  if (path.includes('\0'))
    throw new KernelError('EINVAL', constants.errno.EINVAL, 'open', 'a path may not hold a NUL byte');
  return Buffer.from(`${path}\0`);
}

/** The result, or the errno as a KernelError that says what was tried. */
export function check(result: number, syscall: string, what: string): number {
  if (result >= 0) return result;
  throw errorOf(koffi.errno(), syscall, what);
}

/** The same, with undefined for an errno that is an answer, too: making an error costs more than the call. */
export function checkUnless(
  answer: keyof typeof constants.errno,
  result: number,
  syscall: string,
  what: string,
): number | undefined {
  if (result < 0 && koffi.errno() === constants.errno[answer]) return undefined;
  return check(result, syscall, what);
}

export interface Call {
  readonly syscall: string;
  readonly what: string;
}

interface AsyncFunction {
  // biome-ignore lint/suspicious/noExplicitAny: koffi's functions take what their declaration says.
  async(...args: any[]): void;
}

/** A call that may take long, on a thread of the pool: the event loop goes on. @throws KernelError */
export function callAsync(work: AsyncFunction, args: readonly unknown[], { syscall, what }: Call): Promise<number> {
  return new Promise<number>((resolve, reject) => {
    work.async(...args, (failure: unknown, result: number | bigint) => {
      // errno is this call's only until the callback ends.
      const errno = koffi.errno();
      if (failure) reject(failure);
      else if (Number(result) < 0) reject(errorOf(errno, syscall, what));
      else resolve(Number(result));
    });
  });
}

/** An errno as an error that says what was tried. */
export function errorOf(errno: number, syscall: string, what: string): KernelError {
  const code = names.get(errno) ?? 'EUNKNOWN';
  return new KernelError(code, errno, syscall, `${syscall} ${what}: ${code}`);
}
