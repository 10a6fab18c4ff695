import { CodedError, isAbort, messageOf } from '@berth/kit';
import { type GrpcCode, GrpcError } from '@berth/protos';

/**
 * What a failed operation says about the world:
 * - `Final`: it had no effect;
 * - `Uncertain`: it may have had, or may still get, its effect;
 * - `Transient`: it was not tried, what was known before holds.
 */
export type VolumeErrorCode = 'Final' | 'Uncertain' | 'Transient';

/** A failed volume operation, its message in kubelet's words. */
export class VolumeError extends CodedError<VolumeErrorCode> {}

/** Codes after which a node call may still be in progress (upstream csi_attacher.go isFinalError). */
const uncertain = {
  CANCELLED: true,
  DEADLINE_EXCEEDED: true,
  UNAVAILABLE: true,
  RESOURCE_EXHAUSTED: true,
  ABORTED: true,
} as const satisfies Partial<Record<GrpcCode, true>>;

/** A node call's failure, its code and words as grpc-go prints them. */
export function rpcFailure(error: unknown): VolumeError {
  if (!(error instanceof GrpcError)) {
    return new VolumeError(isAbort(error) ? 'Uncertain' : 'Final', messageOf(error), { cause: error });
  }
  const outcome = error.code in uncertain ? 'Uncertain' : 'Final';
  // Our own deadline, in the words every operator knows.
  const desc = /^Deadline exceeded after /.test(error.message) ? 'context deadline exceeded' : error.message;
  return new VolumeError(outcome, `rpc error: code = ${goCode(error.code)} desc = ${desc}`, { cause: error });
}

/** `INVALID_ARGUMENT` is `InvalidArgument` in Go, and CANCELLED has one L. */
function goCode(code: GrpcCode): string {
  if (code === 'CANCELLED') return 'Canceled';
  if (code === 'OK') return 'OK';
  return code.toLowerCase().replace(/(^|_)([a-z])/g, (_, __, letter: string) => letter.toUpperCase());
}

/** What a failure says, where anything unforeseen counts as having had an effect. */
export function outcomeOf(error: unknown): VolumeErrorCode {
  return error instanceof VolumeError ? error.code : 'Uncertain';
}
