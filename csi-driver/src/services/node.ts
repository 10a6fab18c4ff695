import { type csi, grpcError } from '@berth/protos';
import { Place } from '../mounts/place.ts';
import type { Method, Methods } from '../pipeline/pipeline.ts';
import { refuseUnsupported, requireCapability } from '../rules/capability-rules.ts';
import { sizeRangeOf } from '../rules/capacity-range.ts';
import { requireFields } from '../rules/required.ts';
import { topologyOf } from '../rules/topology.ts';
import { ephemeralUsage, expandEphemeral } from './ephemeral-volume.ts';
import { getOnNode, type NodeVolume } from './node-volume.ts';
import { publishVolume, unpublishVolume } from './publish-volume.ts';
import { recognizerOf, type ServiceContext } from './services.ts';
import { stageVolume, unstageVolume } from './stage-volume.ts';
import { getStorageHealth } from './storage-health.ts';
import { getHealthOnNode } from './volume-health.ts';

const capabilities = [
  'STAGE_UNSTAGE_VOLUME',
  'GET_VOLUME_STATS',
  'EXPAND_VOLUME',
  'SINGLE_NODE_MULTI_WRITER',
  'VOLUME_MOUNT_GROUP',
  'GET_VOLUME_HEALTH',
  'GET_STORAGE_HEALTH',
] as const;

/** CSI Node: volumes at paths of this node. */
export function nodeMethods(context: ServiceContext): Methods<csi.NodeService> {
  return {
    NodeStageVolume: stageVolume(context),
    NodeUnstageVolume: unstageVolume(context),
    NodePublishVolume: publishVolume(context),
    NodeUnpublishVolume: unpublishVolume(context),
    NodeGetVolumeStats: getStats(context),
    NodeGetVolumeHealth: getHealthOnNode(context),
    NodeGetStorageHealth: getStorageHealth(context),
    NodeExpandVolume: expandOnNode(context),
    NodeGetCapabilities: {
      run: async () => ({ capabilities: capabilities.map((type) => ({ rpc: { type } })) }),
    },
    NodeGetInfo: {
      run: async () => ({
        nodeId: context.node.nodeId,
        maxVolumesPerNode: String(context.maxVolumesPerNode),
        accessibleTopology: topologyOf(context.node, context.backends.pools),
      }),
    },
  };
}

function getStats(context: ServiceContext): Method<csi.NodeGetVolumeStatsRequest, csi.NodeGetVolumeStatsResponse> {
  return {
    validate: ({ volumeId, volumePath }) => requireFields({ volume_id: volumeId, volume_path: volumePath }),
    run: async ({ volumeId, volumePath }, signal) => {
      const inMemory = await ephemeralUsage(context, volumeId, volumePath);
      if (inMemory) return { usage: [usageOf('BYTES', inMemory.bytes), usageOf('INODES', inMemory.inodes)] };
      const { volume, place } = requireMounted(context, volumeId, volumePath);
      using _place = place;
      using mounted = place.openHandle();
      const { bytes, inodes } = await context.backends.of(volume).node.usage(volume, mounted, signal);
      return { usage: [usageOf('BYTES', bytes), ...(inodes ? [usageOf('INODES', inodes)] : [])] };
    },
  };
}

function usageOf(unit: 'BYTES' | 'INODES', usage: { total: number; available: number; used: number }) {
  return { unit, total: String(usage.total), available: String(usage.available), used: String(usage.used) };
}

/** NodeExpandVolume: what is staged follows the size the controller wrote down; also when it did already. */
function expandOnNode(context: ServiceContext): Method<csi.NodeExpandVolumeRequest, csi.NodeExpandVolumeResponse> {
  return {
    validate: (request) => {
      requireFields({ volume_id: request.volumeId, volume_path: request.volumePath });
      sizeRangeOf(request.capacityRange);
      if (request.volumeCapability) requireCapability(request.volumeCapability);
    },
    keys: ({ volumeId }) => [volumeId],
    run: async (request, signal) => {
      const range = sizeRangeOf(request.capacityRange);
      const inMemory = expandEphemeral(context, request, range);
      if (inMemory !== undefined) return { capacityBytes: String(inMemory) };
      const { volume, place } = requireMounted(context, request.volumeId, request.volumePath);
      place[Symbol.dispose]();
      const backend = context.backends.of(volume);
      if (request.volumeCapability) refuseUnsupported([request.volumeCapability], backend.offer);
      const { requiredBytes } = range;
      const isOurs = context.catalog.find(volume.id) !== undefined;
      if (isOurs && requiredBytes > volume.capacityBytes) {
        throw grpcError(
          'OUT_OF_RANGE',
          `volume "${volume.id}" has ${volume.capacityBytes} bytes; expand it at the controller first`,
        );
      }
      await backend.node.expand(volume, signal);
      // How large another driver's volume is only that one knows.
      return { capacityBytes: String(isOurs ? volume.capacityBytes : requiredBytes) };
    },
  };
}

/** @throws GrpcError NOT_FOUND – no such volume, or it is not what the path shows. */
function requireMounted(context: ServiceContext, volumeId: string, path: string): { volume: NodeVolume; place: Place } {
  const volume = getOnNode(context, volumeId);
  const place = path.startsWith('/') ? Place.find(path, context.places) : undefined;
  try {
    if (place && context.mounts.standing(place, recognizerOf(context, volume)) === 'volume') return { volume, place };
  } catch (error) {
    place?.[Symbol.dispose]();
    throw error;
  }
  place?.[Symbol.dispose]();
  throw grpcError('NOT_FOUND', `volume "${volumeId}" is not mounted at ${path}`);
}
