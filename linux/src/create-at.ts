import { constants } from 'node:os';
import * as flags from './flags.ts';
import { KernelError } from './kernel-error.ts';
import { check, libc, pathBytes } from './libc.ts';
import { assertSegment, Fd } from './open-in-root.ts';

/** Creates a new regular file in a directory and opens it for writing. @throws KernelError EEXIST – the name is taken. */
export function createFileAt(parent: Fd, name: string, mode: number): Fd {
  assertSegment(name);
  const how = flags.O_WRONLY | flags.O_CREAT | flags.O_EXCL | flags.O_NOFOLLOW | flags.O_CLOEXEC;
  return new Fd(check(libc.openat(parent.number, pathBytes(name), how, mode), 'openat', name));
}

export function symlinkAt(target: string, parent: Fd, name: string): void {
  assertSegment(name);
  check(libc.symlinkat(pathBytes(target), parent.number, pathBytes(name)), 'symlinkat', name);
}

/** Another name for the file `oldName`, which is not followed if it is a symlink. */
export function linkAt(oldParent: Fd, oldName: string, parent: Fd, name: string): void {
  assertSegment(oldName);
  assertSegment(name);
  check(libc.linkat(oldParent.number, pathBytes(oldName), parent.number, pathBytes(name), 0), 'linkat', name);
}

/** A device, fifo or socket; `mode` holds the file type bits, `device` the kernel's encoding of major and minor. */
export function makeNodeAt(parent: Fd, name: string, mode: number, device = { major: 0, minor: 0 }): void {
  assertSegment(name);
  const { major, minor } = device;
  const encoded = (BigInt(minor) & 0xffn) | ((BigInt(major) & 0xfffn) << 8n) | ((BigInt(minor) & ~0xffn) << 12n);
  check(libc.mknodat(parent.number, pathBytes(name), mode, encoded), 'mknodat', name);
}

/** Owner of an entry itself, not of what a symlink names. Clears set-id bits, so set the mode after it. */
export function setOwnerAt(parent: Fd, name: string, uid: number, gid: number): void {
  assertSegment(name);
  check(libc.fchownat(parent.number, pathBytes(name), uid, gid, flags.AT_SYMLINK_NOFOLLOW), 'fchownat', name);
}

/** Mode of an entry that is not a symlink: the caller made it or has looked. */
export function setModeAt(parent: Fd, name: string, mode: number): void {
  assertSegment(name);
  check(libc.fchmodat(parent.number, pathBytes(name), mode, 0), 'fchmodat', name);
}

export function setTimesAt(parent: Fd, name: string, mtimeMs: number): void {
  assertSegment(name);
  const times = Buffer.alloc(32);
  for (const offset of [0, 16]) {
    times.writeBigInt64LE(BigInt(Math.floor(mtimeMs / 1000)), offset);
    times.writeBigInt64LE(BigInt(Math.floor(mtimeMs % 1000) * 1_000_000), offset + 8);
  }
  check(libc.utimensat(parent.number, pathBytes(name), times, flags.AT_SYMLINK_NOFOLLOW), 'utimensat', name);
}

/** An extended attribute of an open file. */
export function setXattr(file: Fd, name: string, value: Uint8Array): void {
  check(libc.setxattr(pathBytes(file.path), pathBytes(name), value, value.length, 0), 'setxattr', name);
}

/**
 * Everything written so far to the filesystem that holds `directory` is on disk when it resolves (syncfs(2)). It can take
 * seconds, so it waits on another thread.
 */
export async function syncFilesystem(directory: Fd): Promise<void> {
  using readable = new Fd(
    check(libc.openat(directory.number, pathBytes('.'), flags.O_RDONLY | flags.O_CLOEXEC, 0), 'open', '.'),
  );
  const result = await new Promise<number>((resolve, reject) => {
    libc.syncfs.async(readable.number, (error: Error | null, value: number) =>
      error ? reject(error) : resolve(value),
    );
  });
  // errno belongs to the other thread; a failed write-back is what syncfs(2) can fail with.
  if (result < 0) throw new KernelError('EIO', constants.errno.EIO, 'syncfs', `syncfs ${directory.path}: EIO`);
}
