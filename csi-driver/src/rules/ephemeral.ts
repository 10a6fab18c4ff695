import { grpcError } from '@berth/protos';
import { ownParameters } from './parameters.ts';
import { bytesOfQuantity } from './quantity.ts';

/** What a CO says in the volume context of a volume that lives as long as its pod (KEP-596, inline volumes). */
const marker = 'csi.storage.k8s.io/ephemeral';

/** What a volume gets that names no size. */
const defaultBytes = 64 * 1024 ** 2;

/** Ids of such volumes are the CO's, not the catalog's; checked before they get into a mount's name. */
const pattern = /^[A-Za-z0-9_.-]{1,128}$/;

export function isEphemeral(volumeContext: Readonly<Record<string, string>>): boolean {
  return volumeContext[marker] === 'true';
}

export function isEphemeralId(id: string): boolean {
  return pattern.test(id);
}

/** The mount's source, by which the kernel remembers whose it is. */
export function ephemeralSource(driverName: string, id: string): string {
  return `${driverName}/${id}`;
}

/**
 * The size asked in the volume's attributes, a number of bytes or a quantity such as `64Mi`.
 * @throws GrpcError INVALID_ARGUMENT – another attribute, another backend, not a size, or more than this machine's memory.
 */
export function ephemeralSize(
  volumeContext: Readonly<Record<string, string>>,
  { driverName, memoryBytes }: { readonly driverName: string; readonly memoryBytes: number },
): number {
  const { size = String(defaultBytes), backend = 'tmpfs', ...others } = ownParameters(volumeContext, driverName);
  const [unknown] = Object.keys(others);
  if (unknown !== undefined) {
    throw grpcError('INVALID_ARGUMENT', `attribute "${unknown}" is unknown: inline volumes take size, backend`);
  }
  if (backend !== 'tmpfs') {
    throw grpcError('INVALID_ARGUMENT', `attribute "backend" is "${backend}"; inline volumes are kept by tmpfs only`);
  }
  const bytes = bytesOfQuantity(size);
  if (bytes === undefined)
    throw grpcError('INVALID_ARGUMENT', `attribute "size" is "${size}"; give bytes or a quantity such as 64Mi`);
  if (bytes <= memoryBytes) return bytes;
  throw grpcError('INVALID_ARGUMENT', `attribute "size" is ${bytes} bytes; this node has ${memoryBytes} of memory`);
}
