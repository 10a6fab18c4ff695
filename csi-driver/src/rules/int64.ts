import { grpcError, type Int64 } from '@berth/protos';

/**
 * An int64 of the wire as a number.
 * @throws GrpcError INVALID_ARGUMENT – negative; OUT_OF_RANGE – more than a number holds exactly (8 PiB).
 */
export function sizeOf(value: Int64, what: string): number {
  const size = Number(value);
  if (size < 0) throw grpcError('INVALID_ARGUMENT', `${what} is ${value}; it may not be negative`);
  if (size > Number.MAX_SAFE_INTEGER) {
    throw grpcError('OUT_OF_RANGE', `${what} is ${value} bytes; the largest size is ${Number.MAX_SAFE_INTEGER}`);
  }
  return size;
}
