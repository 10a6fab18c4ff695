import { grpcError } from '@berth/protos';

/**
 * The parameters that are this driver's: without a prefix, or with its name as one. Keys with another prefix
 * (`example.com/key`) are the CO's remarks and are ignored.
 */
export function ownParameters(
  parameters: Readonly<Record<string, string>>,
  driverName: string,
): Record<string, string> {
  const own = Object.entries(parameters).filter(([key]) => !key.includes('/') || key.startsWith(`${driverName}/`));
  return Object.fromEntries(own);
}

/** @throws GrpcError INVALID_ARGUMENT – a parameter the backend does not know. */
export function refuseUnknownParameters(own: Readonly<Record<string, string>>): void {
  const [unknown] = Object.keys(own);
  if (unknown === undefined) return;
  throw grpcError('INVALID_ARGUMENT', `parameter "${unknown}" is unknown: the directory backend takes no parameters`);
}

export function sameParameters(a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>): boolean {
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => a[key] === b[key]);
}
