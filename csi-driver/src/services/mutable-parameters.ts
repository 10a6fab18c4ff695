import { grpcError } from '@berth/protos';
import type { Placement } from '../backend/backends.ts';

type Parameters = Readonly<Record<string, string>>;

/** What becomes of a volume in a pool that is deleted may change as long as it lives. */
const ofEveryPool = ['onDelete', 'trashTTL'] as const;

/** @throws GrpcError INVALID_ARGUMENT – a parameter that is settled when the volume is made, or that nobody knows. */
export function refuseImmutable({ backend, pool }: Placement, mutable: Parameters): void {
  const allowed: readonly string[] = [...(pool ? ofEveryPool : []), ...(backend.offer.mutableParameters ?? [])];
  const other = Object.keys(mutable).find((key) => !allowed.includes(key));
  if (other === undefined) return;
  const what = allowed.length === 0 ? 'none' : allowed.join(', ');
  throw grpcError(
    'INVALID_ARGUMENT',
    `mutable parameter "${other}" cannot be had: volumes of the backend "${backend.name}" have ${what}`,
  );
}

/** The mutable ones count where both are there (CSI spec, CreateVolumeRequest.mutable_parameters). */
export function withMutable(parameters: Parameters, mutable: Parameters): Record<string, string> {
  const { trashTTL, ...others } = { ...parameters, ...mutable };
  // A class's time in the trash goes with its trash.
  const without = mutable['onDelete'] === 'delete' && mutable['trashTTL'] === undefined;
  return trashTTL === undefined || without ? others : { ...others, trashTTL };
}
