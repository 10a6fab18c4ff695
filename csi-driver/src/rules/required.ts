import { grpcError } from '@berth/protos';

/** @throws GrpcError INVALID_ARGUMENT – one of the fields, named as in the spec, is empty. */
export function requireFields(fields: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(fields)) {
    if (value === '') throw grpcError('INVALID_ARGUMENT', `${name} is required`);
  }
}
