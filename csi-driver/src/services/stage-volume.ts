import { type Fd, inspectAt } from '@berth/linux';
import { type csi, grpcError } from '@berth/protos';
import { Place } from '../mounts/place.ts';
import type { Method } from '../pipeline/pipeline.ts';
import { refuseUnsupported, requireCapability } from '../rules/capability-rules.ts';
import { parseMountFlags, sameOptions } from '../rules/mount-flags.ts';
import { requireFields } from '../rules/required.ts';
import { isVolumeId } from '../rules/volume-id.ts';
import { getVolume, type ServiceContext } from './services.ts';
import { unmountVolume } from './unmount-volume.ts';

/** NodeStageVolume: binds the volume's directory to the staging path, which the CO made (CSI spec, NodeStageVolume). */
export function stageVolume(context: ServiceContext): Method<csi.NodeStageVolumeRequest, csi.NodeStageVolumeResponse> {
  return {
    validate: (request) => {
      requireFields({ volume_id: request.volumeId, staging_target_path: request.stagingTargetPath });
      requireCapability(request.volumeCapability);
    },
    keys: ({ volumeId }) => [volumeId],
    run: async (request) => {
      const capability = requireCapability(request.volumeCapability);
      const volume = getVolume(context, request.volumeId);
      refuseUnsupported([capability], context.backend.fsTypes);
      using place = Place.find(request.stagingTargetPath, context.places);
      using source = openVolume(context, volume.id);
      const standing = place ? context.mounts.standing(place, inspectAt(source)) : 'absent';
      if (!place || standing === 'absent') {
        throw grpcError(
          'FAILED_PRECONDITION',
          `staging path ${request.stagingTargetPath} does not exist; the CO makes it`,
        );
      }
      if (standing === 'other') {
        throw grpcError('FAILED_PRECONDITION', `something else is mounted at the staging path ${place.path}`);
      }
      const flags = parseMountFlags(capability.mount?.mountFlags ?? []);
      if (standing === 'volume') {
        if (sameOptions(context.mounts.optionsAt(place.path), flags, context.mounts.baseOptions)) return {};
        throw grpcError('ALREADY_EXISTS', `volume "${volume.id}" is staged at ${place.path} with other mount flags`);
      }
      place.bind(source, flags);
      context.mounts.remember(volume.id, place.path);
      return {};
    },
  };
}

/** @throws GrpcError DATA_LOSS – the catalog has the volume, the pool has not. */
export function openVolume(context: ServiceContext, id: string): Fd {
  try {
    return context.backend.open(id);
  } catch (error) {
    if ((error as { code?: unknown }).code !== 'ENOENT') throw error;
    throw grpcError('DATA_LOSS', `volume "${id}" is in the catalog, but its directory is missing from the pool`);
  }
}

/** NodeUnstageVolume: what is not staged, or not known, is fine. The staging path itself is the CO's. */
export function unstageVolume(
  context: ServiceContext,
): Method<csi.NodeUnstageVolumeRequest, csi.NodeUnstageVolumeResponse> {
  return {
    validate: ({ volumeId, stagingTargetPath }) =>
      requireFields({ volume_id: volumeId, staging_target_path: stagingTargetPath }),
    keys: ({ volumeId }) => [volumeId],
    run: async ({ volumeId, stagingTargetPath }) => {
      using place = Place.find(stagingTargetPath, context.places);
      if (place && isVolumeId(volumeId)) unmountVolume(context, place, volumeId);
      return {};
    },
  };
}
