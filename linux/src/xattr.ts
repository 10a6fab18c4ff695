import { isErrno, KernelError } from './kernel-error.ts';
import { check, libc, pathBytes } from './libc.ts';
import { Fd } from './open-in-root.ts';

/** The kernel's own bounds (XATTR_LIST_MAX, XATTR_SIZE_MAX). */
const maxBytes = 65_536;

/** A path reached through /proc/self/fd, as bytes: names need not be UTF-8. Its last segment is not followed. */
export type XattrPath = string | Buffer;

/** Something opened for reading, which stays the same whatever becomes of its name, or a path. */
export type XattrSource = Fd | XattrPath;

/** Names of the extended attributes, those the filesystem shows to root. None where it has no such thing. */
export function listXattrs(source: XattrSource): string[] {
  const list = Buffer.alloc(maxBytes);
  try {
    const listed =
      source instanceof Fd
        ? check(Number(libc.flistxattr(source.number, list, maxBytes)), 'flistxattr', source.path)
        : check(Number(libc.llistxattr(terminated(source), list, maxBytes)), 'llistxattr', String(source));
    return list
      .subarray(0, listed)
      .toString('latin1')
      .split('\0')
      .filter((name) => name !== '');
  } catch (error) {
    if (isErrno(error, 'EOPNOTSUPP', 'ENOTSUP')) return [];
    throw error;
  }
}

/** @returns undefined where it has no such attribute. */
export function getXattr(source: XattrSource, name: string): Buffer | undefined {
  const value = Buffer.alloc(maxBytes);
  try {
    const key = Buffer.from(`${name}\0`, 'latin1');
    const length =
      source instanceof Fd
        ? check(Number(libc.fgetxattr(source.number, key, value, maxBytes)), 'fgetxattr', name)
        : check(Number(libc.lgetxattr(terminated(source), key, value, maxBytes)), 'lgetxattr', name);
    return value.subarray(0, length);
  } catch (error) {
    if (isErrno(error, 'ENODATA', 'EOPNOTSUPP', 'ENOTSUP')) return undefined;
    throw error;
  }
}

export function putXattr(path: XattrPath, name: string, value: Uint8Array): void {
  const key = Buffer.from(`${name}\0`, 'latin1');
  check(libc.lsetxattr(terminated(path), key, value, value.length, 0), 'lsetxattr', name);
}

/** @returns false where there was none. */
export function removeXattr(path: XattrPath, name: string): boolean {
  try {
    check(libc.lremovexattr(terminated(path), Buffer.from(`${name}\0`, 'latin1')), 'lremovexattr', name);
    return true;
  } catch (error) {
    if (isErrno(error, 'ENODATA', 'EOPNOTSUPP', 'ENOTSUP')) return false;
    throw error;
  }
}

function terminated(path: XattrPath): Buffer {
  if (typeof path === 'string') return pathBytes(path);
  if (path.includes(0)) throw new KernelError('EINVAL', 22, 'lgetxattr', 'a path may not hold a NUL byte');
  return Buffer.concat([path, Buffer.of(0)]);
}
