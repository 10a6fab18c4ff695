import { type csi, grpcError } from '@berth/protos';
import type { Placement } from '../backend/backends.ts';
import type { VolumeRecord } from '../catalog/volume-record.ts';
import type { Method } from '../pipeline/pipeline.ts';
import { refuseUnsupported, requireCapability } from '../rules/capability-rules.ts';
import { fits, type SizeRange, sizeRangeOf } from '../rules/capacity-range.ts';
import { requireFields } from '../rules/required.ts';
import { claimOf, measure } from './accounts.ts';
import { lookOnServer } from './look-on-server.ts';
import { note } from './make-volume.ts';
import { getVolume, type ServiceContext } from './services.ts';
import { shrink } from './shrink-volume.ts';

/** ControllerExpandVolume: online, and fine where the volume is large enough already. With a lower limit_bytes it shrinks. */
export function expandVolume(
  context: ServiceContext,
): Method<csi.ControllerExpandVolumeRequest, csi.ControllerExpandVolumeResponse> {
  return {
    validate: (request) => {
      requireFields({ volume_id: request.volumeId });
      if (!request.capacityRange) throw grpcError('INVALID_ARGUMENT', 'capacity_range is required');
      sizeRangeOf(request.capacityRange);
      if (request.volumeCapability) requireCapability(request.volumeCapability);
    },
    keys: ({ volumeId }) => [volumeId],
    run: async (request, signal) => {
      const { volumeId: id } = request;
      const range = sizeRangeOf(request.capacityRange);
      const known = context.catalog.find(id);
      const isNeeded = known !== undefined && !fits(known.capacityBytes, range);
      await lookOnServer(context, { kind: 'volume', id }, { signal, isNeeded });
      const volume = getVolume(context, id);
      const backend = context.backends.of(volume);
      if (request.volumeCapability) refuseUnsupported([request.volumeCapability], backend.offer);
      const capacityBytes = await resized(context, volume, range, signal);
      // Said again for a call that is repeated: the answer to the first may be lost.
      return { capacityBytes: String(capacityBytes), nodeExpansionRequired: backend.nodeExpansion };
    },
  };
}

async function resized(
  context: ServiceContext,
  volume: VolumeRecord,
  range: SizeRange,
  signal: AbortSignal,
): Promise<number> {
  if (fits(volume.capacityBytes, range)) return volume.capacityBytes;
  if (volume.capacityBytes > range.limitBytes) return await shrink(context, volume, range, signal);
  return await grow(context, volume, range);
}

async function grow(context: ServiceContext, volume: VolumeRecord, range: SizeRange): Promise<number> {
  const { id } = volume;
  const placement = context.backends.placementOf(volume);
  const { backend } = placement;
  const capacityBytes = backend.offer.sizeFor(range.requiredBytes, volume.fsType);
  if (capacityBytes > range.limitBytes) {
    throw grpcError('OUT_OF_RANGE', `volume "${id}" grows to ${capacityBytes} bytes at least, more than limit_bytes`);
  }
  takeRoom(placement, volume, capacityBytes);
  try {
    await backend.expand({ ...volume, capacityBytes });
    await note(backend, { ...volume, capacityBytes });
    await context.catalog.update(volume, { capacityBytes });
  } catch (error) {
    placement.pool?.ledger.resize(claimOf(backend, { ...volume, capacityBytes }), volume.capacityBytes);
    throw error;
  }
  measure(placement, id);
  return capacityBytes;
}

/** Synchronous: two that grow at once cannot take the same room. */
function takeRoom({ pool, backend }: Placement, volume: VolumeRecord, capacityBytes: number): void {
  const refusal = pool?.ledger.resize(claimOf(backend, volume), capacityBytes);
  if (!refusal) return;
  throw grpcError(
    'OUT_OF_RANGE',
    `volume "${volume.id}" cannot grow to ${capacityBytes} bytes: the pool "${pool?.name}" can give ${refusal.availableBytes} more; ${refusal.reason}`,
  );
}
