import { type Errno, FuseError } from '@berth/fuse';
import { isNfsError, type NfsErrorCode } from '@berth/nfs-client';

/** What a program is told where a server refuses; what is not here is EIO, as with the kernel's client. */
const table: Readonly<Partial<Record<NfsErrorCode, Errno>>> = {
  PERM: 'EPERM',
  NOENT: 'ENOENT',
  NXIO: 'ENXIO',
  ACCESS: 'EACCES',
  EXIST: 'EEXIST',
  XDEV: 'EXDEV',
  NODEV: 'ENODEV',
  NOTDIR: 'ENOTDIR',
  ISDIR: 'EISDIR',
  INVAL: 'EINVAL',
  FBIG: 'EFBIG',
  NOSPC: 'ENOSPC',
  ROFS: 'EROFS',
  MLINK: 'EMLINK',
  NAMETOOLONG: 'ENAMETOOLONG',
  NOTEMPTY: 'ENOTEMPTY',
  DQUOT: 'EDQUOT',
  STALE: 'ESTALE',
  BADHANDLE: 'ESTALE',
  FHEXPIRED: 'ESTALE',
  NOTSUPP: 'EOPNOTSUPP',
  BADTYPE: 'EOPNOTSUPP',
  LOCKED: 'EAGAIN',
  DENIED: 'EAGAIN',
  SHARE_DENIED: 'EACCES',
  WRONGSEC: 'EACCES',
  AUTH_ERROR: 'EACCES',
  SYMLINK: 'ELOOP',
  WRONG_TYPE: 'EINVAL',
  BADOWNER: 'EINVAL',
  BADCHAR: 'EINVAL',
  BADNAME: 'EINVAL',
  BAD_NAME: 'EINVAL',
  ATTRNOTSUPP: 'EINVAL',
  BAD_COOKIE: 'EINVAL',
  FILE_OPEN: 'EBUSY',
  DEADLOCK: 'EDEADLK',
  OPENMODE: 'EBADF',
  TIMEDOUT: 'ETIMEDOUT',
};

/** `timedOut` is what a soft mount says: EIO, or ETIMEDOUT for `softerr`. What is no NfsError stays as it is. */
export function toFuseError(error: unknown, timedOut: Errno): unknown {
  if (!isNfsError(error)) return error;
  const code = error.code === 'TIMEDOUT' ? timedOut : (table[error.code] ?? 'EIO');
  return new FuseError(code, error.message, { cause: error });
}
