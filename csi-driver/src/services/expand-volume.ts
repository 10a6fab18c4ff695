import { type csi, grpcError } from '@berth/protos';
import type { Method } from '../pipeline/pipeline.ts';
import { refuseUnsupported, requireCapability } from '../rules/capability-rules.ts';
import { fits, sizeRangeOf } from '../rules/capacity-range.ts';
import { requireFields } from '../rules/required.ts';
import { getVolume, type ServiceContext } from './services.ts';

/** ControllerExpandVolume: online, and fine where the volume is large enough already. */
export function expandVolume(
  context: ServiceContext,
): Method<csi.ControllerExpandVolumeRequest, csi.ControllerExpandVolumeResponse> {
  const { backend, catalog } = context;
  return {
    validate: (request) => {
      requireFields({ volume_id: request.volumeId });
      if (!request.capacityRange) throw grpcError('INVALID_ARGUMENT', 'capacity_range is required');
      sizeRangeOf(request.capacityRange);
      if (request.volumeCapability) requireCapability(request.volumeCapability);
    },
    keys: ({ volumeId }) => [volumeId],
    run: async (request) => {
      const volume = getVolume(context, request.volumeId);
      const range = sizeRangeOf(request.capacityRange);
      if (request.volumeCapability) refuseUnsupported([request.volumeCapability], backend.fsTypes);
      if (fits(volume.capacityBytes, range)) {
        return { capacityBytes: String(volume.capacityBytes), nodeExpansionRequired: false };
      }
      const { id, capacityBytes } = volume;
      const { availableBytes } = await backend.capacity();
      if (capacityBytes > range.limitBytes) {
        throw grpcError(
          'OUT_OF_RANGE',
          `volume "${id}" has ${capacityBytes} bytes, more than limit_bytes; volumes do not shrink`,
        );
      }
      if (range.requiredBytes - capacityBytes > availableBytes) {
        throw grpcError(
          'OUT_OF_RANGE',
          `volume "${id}" cannot grow to ${range.requiredBytes} bytes: the pool has ${availableBytes} free`,
        );
      }
      const { nodeExpansionRequired } = await backend.expand(id, { capacityBytes: range.requiredBytes });
      await catalog.update(volume, { capacityBytes: range.requiredBytes });
      return { capacityBytes: String(range.requiredBytes), nodeExpansionRequired };
    },
  };
}
