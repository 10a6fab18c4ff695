import { type Fd, inspectAt, isErrno } from '@berth/linux';
import { type csi, grpcError } from '@berth/protos';
import { Place } from '../mounts/place.ts';
import type { Method } from '../pipeline/pipeline.ts';
import { refuseUnsupported, requireCapability } from '../rules/capability-rules.ts';
import { type MountFlags, parseMountFlags, sameOptions } from '../rules/mount-flags.ts';
import { requireFields } from '../rules/required.ts';
import { isVolumeId } from '../rules/volume-id.ts';
import { getVolume, type ServiceContext } from './services.ts';
import { openVolume } from './stage-volume.ts';
import { unmountVolume } from './unmount-volume.ts';

type Request = csi.NodePublishVolumeRequest;

/** NodePublishVolume: binds the staged volume to a new directory at the target path (CSI spec, NodePublishVolume). */
export function publishVolume(context: ServiceContext): Method<Request, csi.NodePublishVolumeResponse> {
  return {
    validate: (request) => {
      requireFields({ volume_id: request.volumeId, target_path: request.targetPath });
      requireCapability(request.volumeCapability);
      if (request.stagingTargetPath === '') {
        throw grpcError('FAILED_PRECONDITION', 'staging_target_path is required: call NodeStageVolume first');
      }
    },
    keys: ({ volumeId }) => [volumeId],
    run: async (request) => {
      const capability = requireCapability(request.volumeCapability);
      getVolume(context, request.volumeId);
      refuseUnsupported([capability], context.backend.fsTypes);
      publish(context, request, capability);
      return {};
    },
  };
}

/** Synchronous from the first look to the bind: nothing can come between them. */
function publish(context: ServiceContext, request: Request, capability: csi.VolumeCapability): void {
  using volume = openVolume(context, request.volumeId);
  using staged = openStaged(context, request, volume);
  using target = Place.find(request.targetPath, context.places);
  if (!target) {
    throw grpcError(
      'FAILED_PRECONDITION',
      `the directory of target path ${request.targetPath} does not exist; the CO makes it`,
    );
  }
  const flags = flagsOf(request, capability);
  const standing = context.mounts.standing(target, inspectAt(volume));
  if (standing === 'other')
    throw grpcError('ALREADY_EXISTS', `something else is mounted at the target path ${target.path}`);
  if (standing === 'volume') return refuseOtherOptions(context, request, { target, flags });
  refuseSecondTarget(context, { request, capability, volume, target });
  if (standing === 'absent') target.makeDirectory();
  else if (!target.isEmptyDirectory()) {
    throw grpcError('FAILED_PRECONDITION', `target path ${target.path} holds files that a mount would hide`);
  }
  target.bind(staged, flags);
  context.mounts.remember(request.volumeId, target.path);
}

function openStaged(context: ServiceContext, { volumeId, stagingTargetPath }: Request, volume: Fd): Fd {
  using place = Place.find(stagingTargetPath, context.places);
  if (!place || context.mounts.standing(place, inspectAt(volume)) !== 'volume') {
    throw grpcError('FAILED_PRECONDITION', `volume "${volumeId}" is not staged at ${stagingTargetPath}`);
  }
  return place.open();
}

function flagsOf({ readonly }: Request, { mount, accessMode }: csi.VolumeCapability): MountFlags {
  const { readOnly, flags } = parseMountFlags(mount?.mountFlags ?? []);
  return { readOnly: readOnly || readonly || accessMode?.mode === 'SINGLE_NODE_READER_ONLY', flags };
}

interface Repeat {
  readonly target: Place;
  readonly flags: MountFlags;
}

/** The same call again is fine, one with other arguments is not (CSI spec, NodePublishVolume's table). */
function refuseOtherOptions(context: ServiceContext, request: Request, { target, flags }: Repeat): void {
  const base = context.mounts.optionsAt(request.stagingTargetPath);
  if (sameOptions(context.mounts.optionsAt(target.path), flags, base)) return;
  throw grpcError('ALREADY_EXISTS', `volume "${request.volumeId}" is published at ${target.path} with other flags`);
}

interface SecondTarget {
  readonly request: Request;
  readonly capability: csi.VolumeCapability;
  readonly volume: Fd;
  readonly target: Place;
}

/** Only SINGLE_NODE_MULTI_WRITER may be published twice on a node (the same table; multi-node modes are not offered). */
function refuseSecondTarget(context: ServiceContext, { request, capability, volume, target }: SecondTarget): void {
  const mode = capability.accessMode?.mode;
  if (mode === 'SINGLE_NODE_MULTI_WRITER') return;
  const known = [target.path, request.stagingTargetPath];
  const [other] = context.mounts.others(request.volumeId, inspectAt(volume), known);
  if (other === undefined) return;
  throw grpcError(
    'FAILED_PRECONDITION',
    `volume "${request.volumeId}" is published at ${other} already, and its access mode is ${mode}`,
  );
}

/** NodeUnpublishVolume: unmounts and removes the target path; what is not there is fine. */
export function unpublishVolume(
  context: ServiceContext,
): Method<csi.NodeUnpublishVolumeRequest, csi.NodeUnpublishVolumeResponse> {
  return {
    validate: ({ volumeId, targetPath }) => requireFields({ volume_id: volumeId, target_path: targetPath }),
    keys: ({ volumeId }) => [volumeId],
    run: async ({ volumeId, targetPath }) => {
      using target = Place.find(targetPath, context.places);
      if (!target?.facts() || !isVolumeId(volumeId)) return {};
      unmountVolume(context, target, volumeId);
      try {
        target.removeDirectory();
      } catch (error) {
        if (isErrno(error, 'ENOENT')) return {};
        if (!isErrno(error, 'ENOTEMPTY', 'ENOTDIR', 'EEXIST')) throw error;
        throw grpcError(
          'FAILED_PRECONDITION',
          `target path ${target.path} is not mounted and holds files; left as it is`,
        );
      }
      return {};
    },
  };
}
