import { grpcError } from '@berth/protos';

/**
 * The parameters that are this driver's: without a prefix, or with its name as one, which is left off. Keys with another
 * prefix (`example.com/key`) are the CO's remarks and are ignored.
 */
export function ownParameters(
  parameters: Readonly<Record<string, string>>,
  driverName: string,
): Record<string, string> {
  const prefix = `${driverName}/`;
  const own = Object.entries(parameters).filter(([key]) => !key.includes('/') || key.startsWith(prefix));
  return Object.fromEntries(
    own.map(([key, value]) => [key.startsWith(prefix) ? key.slice(prefix.length) : key, value]),
  );
}

/** @throws GrpcError INVALID_ARGUMENT – a parameter that is ours: snapshots have none. */
export function refuseSnapshotParameters(parameters: Readonly<Record<string, string>>, driverName: string): void {
  const [unknown] = Object.keys(ownParameters(parameters, driverName));
  if (unknown === undefined) return;
  throw grpcError('INVALID_ARGUMENT', `parameter "${unknown}" is unknown: snapshots take no parameters`);
}

/**
 * What is left for the backend once it is chosen. `quota` says which one: it means nothing to an image that was chosen by
 * it, and is refused where the class asks for images itself.
 */
export function backendParameters(own: Readonly<Record<string, string>>, chosen: string): Record<string, string> {
  const byQuota = chosen === 'image' && own['backend'] !== 'image';
  return Object.fromEntries(Object.entries(own).filter(([key]) => key !== 'backend' && !(byQuota && key === 'quota')));
}

export function sameParameters(a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>): boolean {
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => a[key] === b[key]);
}
