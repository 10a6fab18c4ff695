import { CodedError, type CodedErrorOptions } from '@berth/kit';

/** gRPC status names with their numbers. */
export const grpcCodes = {
  OK: 0,
  CANCELLED: 1,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  ABORTED: 10,
  OUT_OF_RANGE: 11,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  DATA_LOSS: 15,
  UNAUTHENTICATED: 16,
} as const;

export type GrpcCode = keyof typeof grpcCodes;

const namesByNumber = new Map<number, GrpcCode>(Object.entries(grpcCodes).map(([name, n]) => [n, name as GrpcCode]));

/** A status as it is on the wire; UNKNOWN where it is none of gRPC's. */
export function grpcCodeOf(number: number): GrpcCode {
  return namesByNumber.get(number) ?? 'UNKNOWN';
}

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
