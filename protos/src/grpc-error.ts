import { CodedError, type CodedErrorOptions } from '@berth/kit';
import { status } from '@grpc/grpc-js';

/** gRPC status names with their numbers. */
export const grpcCodes = {
  OK: status.OK,
  CANCELLED: status.CANCELLED,
  UNKNOWN: status.UNKNOWN,
  INVALID_ARGUMENT: status.INVALID_ARGUMENT,
  DEADLINE_EXCEEDED: status.DEADLINE_EXCEEDED,
  NOT_FOUND: status.NOT_FOUND,
  ALREADY_EXISTS: status.ALREADY_EXISTS,
  PERMISSION_DENIED: status.PERMISSION_DENIED,
  RESOURCE_EXHAUSTED: status.RESOURCE_EXHAUSTED,
  FAILED_PRECONDITION: status.FAILED_PRECONDITION,
  ABORTED: status.ABORTED,
  OUT_OF_RANGE: status.OUT_OF_RANGE,
  UNIMPLEMENTED: status.UNIMPLEMENTED,
  INTERNAL: status.INTERNAL,
  UNAVAILABLE: status.UNAVAILABLE,
  DATA_LOSS: status.DATA_LOSS,
  UNAUTHENTICATED: status.UNAUTHENTICATED,
} as const;

export type GrpcCode = keyof typeof grpcCodes;

const namesByNumber = new Map<number, GrpcCode>(Object.entries(grpcCodes).map(([name, n]) => [n, name as GrpcCode]));

/** A failed call, on either side of the wire. `code` is gRPC's own name. */
export class GrpcError extends CodedError<GrpcCode> {}

export function grpcError(code: GrpcCode, message: string, options?: CodedErrorOptions): GrpcError {
  return new GrpcError(code, message, options);
}

/** What a client library throws, as GrpcError. */
export function asGrpcError(error: unknown): GrpcError {
  if (error instanceof GrpcError) return error;
  const { code, details, message } = error as { code?: unknown; details?: string; message?: string };
  const name = typeof code === 'number' ? namesByNumber.get(code) : undefined;
  return new GrpcError(name ?? 'UNKNOWN', details || message || String(error), { cause: error });
}
