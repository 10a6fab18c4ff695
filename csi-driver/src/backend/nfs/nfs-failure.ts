import { messageOf } from '@berth/kit';
import { isNfsError, type NfsErrorCode } from '@berth/nfs-client';
import { type GrpcCode, GrpcError, grpcError } from '@berth/protos';

/** Worth repeating: the server is away, restarting or overloaded. */
const unavailable: readonly NfsErrorCode[] = [
  'TIMEDOUT',
  'UNAVAILABLE',
  'CLOSED',
  'BAD_REPLY',
  'DELAY',
  'GRACE',
  'RESOURCE',
  'SERVERFAULT',
  'SYSTEM_ERR',
  'STALE',
  'IO',
];

/** Nothing gets better by repeating: the server or what is on it has to be changed. */
const refused: readonly NfsErrorCode[] = [
  'ACCESS',
  'PERM',
  'ROFS',
  'WRONGSEC',
  'AUTH_ERROR',
  'NOENT',
  'NOTDIR',
  'ISDIR',
  'SYMLINK',
  'XDEV',
  'NOTSUPP',
  'NAMETOOLONG',
  'BADNAME',
  'BADCHAR',
  'PROG_UNAVAIL',
  'PROG_MISMATCH',
  'MINOR_VERS_MISMATCH',
];

/** What a server or the way to it answered, as CSI's codes. What is neither NFS nor a deadline stays as it is. */
export function asNfsFailure(error: unknown, server: string): unknown {
  if (error instanceof GrpcError) return error;
  if (isTimeout(error)) return grpcError('UNAVAILABLE', `the nfs server ${server} does not answer`, { cause: error });
  if (!isNfsError(error)) return error;
  const code = codeOf(error.code);
  // CSI's code may have the same name, and is told anyhow.
  const status = error.code === code ? '' : ` (${error.code})`;
  return grpcError(code, `the nfs server ${server}: ${messageOf(error)}${status}`, { cause: error });
}

function codeOf(code: NfsErrorCode): GrpcCode {
  if (code === 'NOSPC' || code === 'DQUOT') return 'RESOURCE_EXHAUSTED';
  if (unavailable.includes(code)) return 'UNAVAILABLE';
  return refused.includes(code) ? 'FAILED_PRECONDITION' : 'INTERNAL';
}

function isTimeout(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'TimeoutError';
}
