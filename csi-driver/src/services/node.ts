import { inspectAt } from '@berth/linux';
import { type csi, grpcError } from '@berth/protos';
import { Place } from '../mounts/place.ts';
import type { Method, Methods } from '../pipeline/pipeline.ts';
import { refuseUnsupported, requireCapability } from '../rules/capability-rules.ts';
import { sizeRangeOf } from '../rules/capacity-range.ts';
import { requireFields } from '../rules/required.ts';
import { topologyOf } from '../rules/topology.ts';
import { publishVolume, unpublishVolume } from './publish-volume.ts';
import { getVolume, type ServiceContext } from './services.ts';
import { openVolume, stageVolume, unstageVolume } from './stage-volume.ts';

const capabilities = ['STAGE_UNSTAGE_VOLUME', 'GET_VOLUME_STATS', 'EXPAND_VOLUME', 'SINGLE_NODE_MULTI_WRITER'] as const;

/** CSI Node: volumes at paths of this node. */
export function nodeMethods(context: ServiceContext): Methods<csi.NodeService> {
  return {
    NodeStageVolume: stageVolume(context),
    NodeUnstageVolume: unstageVolume(context),
    NodePublishVolume: publishVolume(context),
    NodeUnpublishVolume: unpublishVolume(context),
    NodeGetVolumeStats: getStats(context),
    NodeExpandVolume: expandOnNode(context),
    NodeGetCapabilities: {
      run: async () => ({ capabilities: capabilities.map((type) => ({ rpc: { type } })) }),
    },
    NodeGetInfo: {
      run: async () => ({ nodeId: context.node.nodeId, accessibleTopology: topologyOf(context.node) }),
    },
  };
}

function getStats(context: ServiceContext): Method<csi.NodeGetVolumeStatsRequest, csi.NodeGetVolumeStatsResponse> {
  return {
    validate: ({ volumeId, volumePath }) => requireFields({ volume_id: volumeId, volume_path: volumePath }),
    run: async ({ volumeId, volumePath }, signal) => {
      requireMounted(context, volumeId, volumePath);
      const { bytes, inodes } = await context.backend.usage(volumeId, signal);
      return { usage: [usageOf('BYTES', bytes), usageOf('INODES', inodes)] };
    },
  };
}

function usageOf(unit: 'BYTES' | 'INODES', usage: { total: number; available: number; used: number }) {
  return { unit, total: String(usage.total), available: String(usage.available), used: String(usage.used) };
}

/** The directory grew when the controller wrote down its new size; a node only confirms it. */
function expandOnNode(context: ServiceContext): Method<csi.NodeExpandVolumeRequest, csi.NodeExpandVolumeResponse> {
  return {
    validate: (request) => {
      requireFields({ volume_id: request.volumeId, volume_path: request.volumePath });
      sizeRangeOf(request.capacityRange);
      if (request.volumeCapability) requireCapability(request.volumeCapability);
    },
    keys: ({ volumeId }) => [volumeId],
    run: async (request) => {
      if (request.volumeCapability) refuseUnsupported([request.volumeCapability], context.backend.fsTypes);
      const volume = requireMounted(context, request.volumeId, request.volumePath);
      const { requiredBytes } = sizeRangeOf(request.capacityRange);
      if (requiredBytes > volume.capacityBytes) {
        throw grpcError(
          'OUT_OF_RANGE',
          `volume "${volume.id}" has ${volume.capacityBytes} bytes; expand it at the controller first`,
        );
      }
      return { capacityBytes: String(volume.capacityBytes) };
    },
  };
}

/** @throws GrpcError NOT_FOUND – no such volume, or it is not what the path shows. */
function requireMounted(context: ServiceContext, volumeId: string, path: string) {
  const volume = getVolume(context, volumeId);
  using directory = openVolume(context, volumeId);
  using place = path.startsWith('/') ? Place.find(path, context.places) : undefined;
  if (!place || context.mounts.standing(place, inspectAt(directory)) !== 'volume') {
    throw grpcError('NOT_FOUND', `volume "${volumeId}" is not mounted at ${path}`);
  }
  return volume;
}
