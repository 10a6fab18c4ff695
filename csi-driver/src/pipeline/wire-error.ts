import { BusyError, CodedError, isAbort, messageOf } from '@berth/kit';
import { type GrpcCode, GrpcError, grpcError } from '@berth/protos';

/** What the machine answers with, as CSI's codes. What is not here is INTERNAL. */
const codesByErrno: Readonly<Record<string, GrpcCode>> = {
  ENOSPC: 'RESOURCE_EXHAUSTED',
  EDQUOT: 'RESOURCE_EXHAUSTED',
  Full: 'RESOURCE_EXHAUSTED',
  EMFILE: 'UNAVAILABLE',
  ENFILE: 'UNAVAILABLE',
  ENOMEM: 'UNAVAILABLE',
  Unopened: 'UNAVAILABLE',
  Busy: 'ABORTED',
  InUse: 'ABORTED',
  ReadOnly: 'FAILED_PRECONDITION',
  EROFS: 'FAILED_PRECONDITION',
  // Only a path of the caller's is as long.
  ENAMETOOLONG: 'INVALID_ARGUMENT',
  EBUSY: 'FAILED_PRECONDITION',
  Damaged: 'DATA_LOSS',
};

/** Anything thrown, as the error that goes over the wire. Its message is one line and never a stack. */
export function asCsiError(error: unknown): GrpcError {
  if (error instanceof GrpcError) return error;
  if (error instanceof BusyError) return grpcError('ABORTED', error.message);
  // Nobody hears it but the log and the metrics.
  if (isAbort(error)) return grpcError('CANCELLED', 'the caller has left');
  const errno = String((error as { code?: unknown } | null)?.code);
  const code = codesByErrno[errno] ?? 'INTERNAL';
  const known = error instanceof CodedError || code !== 'INTERNAL' || isErrnoException(error);
  const message = known ? messageOf(error) : `unexpected: ${messageOf(error)}; this is a bug, see the driver's log`;
  return grpcError(code, `${message}${errno === 'EROFS' ? readOnlyAdvice : ''}`, { cause: error });
}

/** What the machine says names the file alone. */
const readOnlyAdvice =
  '; the filesystem is mounted read-only, as the kernel does where it meets errors: NodeGetStorageHealth says whether it is that of a pool; ' +
  'check it, mount it read-write, and the same call goes on';

function isErrnoException(error: unknown): boolean {
  return error instanceof Error && typeof (error as { errno?: unknown }).errno === 'number';
}
