import { grpcError } from '@berth/protos';
import type { VolumeRecord } from '../catalog/volume-record.ts';
import type { SizeRange } from '../rules/capacity-range.ts';
import { claimOf } from './accounts.ts';
import type { ServiceContext } from './services.ts';

/**
 * Takes a volume down that has more than limit_bytes, where its backend can and what it holds fits.
 * @throws GrpcError OUT_OF_RANGE – volumes of this backend do not shrink, or it holds more.
 */
export async function shrink(
  context: ServiceContext,
  volume: VolumeRecord,
  { requiredBytes, limitBytes }: SizeRange,
  signal: AbortSignal,
): Promise<number> {
  const { id } = volume;
  const { backend, pool } = context.backends.placementOf(volume);
  const has = `volume "${id}" has ${volume.capacityBytes} bytes, more than limit_bytes`;
  if (!backend.shrink) {
    throw grpcError('OUT_OF_RANGE', `${has}; volumes of the backend "${backend.name}" do not shrink`);
  }
  const capacityBytes = backend.offer.sizeFor(requiredBytes > 0 ? requiredBytes : limitBytes, volume.fsType);
  const usedBytes = await backend.shrink({ ...volume, capacityBytes }, signal);
  if (usedBytes !== undefined) {
    throw grpcError('OUT_OF_RANGE', `${has}, and cannot shrink to ${capacityBytes}: it holds ${usedBytes}`);
  }
  await context.catalog.update(volume, { capacityBytes });
  pool?.ledger.resize(claimOf(backend, volume), capacityBytes);
  context.log.info('volume shrunk', { volume: id, from: volume.capacityBytes, to: capacityBytes });
  return capacityBytes;
}
