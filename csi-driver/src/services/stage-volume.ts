import { messageOf } from '@berth/kit';
import { type csi, grpcError } from '@berth/protos';
import { Place } from '../mounts/place.ts';
import type { Method } from '../pipeline/pipeline.ts';
import { isReaderOnly, refuseUnsupported, requireCapability } from '../rules/capability-rules.ts';
import { type MountFlags, parseMountFlags, sameOptions } from '../rules/mount-flags.ts';
import { requireFields } from '../rules/required.ts';
import { isVolumeId } from '../rules/volume-id.ts';
import { stopMountGroup } from './mount-group.ts';
import { findStaged, getOnNode, type NodeVolume } from './node-volume.ts';
import { recognizerOf, type ServiceContext } from './services.ts';
import { unmountVolume } from './unmount-volume.ts';

/** NodeStageVolume: shows the volume at the staging path, which the CO made (CSI spec, NodeStageVolume). */
export function stageVolume(context: ServiceContext): Method<csi.NodeStageVolumeRequest, csi.NodeStageVolumeResponse> {
  return {
    validate: (request) => {
      requireFields({ volume_id: request.volumeId, staging_target_path: request.stagingTargetPath });
      requireCapability(request.volumeCapability);
    },
    keys: ({ volumeId }) => [volumeId],
    run: async (request, signal) => {
      const capability = requireCapability(request.volumeCapability);
      const volume = getOnNode(context, request.volumeId, request.volumeContext);
      refuseUnsupported([capability], context.backends.of(volume).offer);
      const isVolume = recognizerOf(context, volume);
      using place = Place.find(request.stagingTargetPath, context.places);
      const { node } = context.backends.of(volume);
      if (place) node.takeAwayDead?.(volume.id, place);
      const standing = place ? context.mounts.standing(place, isVolume) : 'absent';
      if (!place || standing === 'absent') {
        throw grpcError(
          'FAILED_PRECONDITION',
          `staging path ${request.stagingTargetPath} does not exist; the CO makes it`,
        );
      }
      if (standing === 'other') {
        throw grpcError('FAILED_PRECONDITION', `something else is mounted at the staging path ${place.path}`);
      }
      if (standing === 'unmounted' && !place.isDirectory()) {
        throw grpcError('FAILED_PRECONDITION', `staging path ${place.path} is no directory`);
      }
      const flags = parseMountFlags(capability.mount?.mountFlags ?? []);
      if (standing === 'volume') {
        refuseOtherFlags(context, volume, { place, flags });
        refuseOtherFsType(context, volume, { place, fsType: capability.mount?.fsType ?? '' });
        await growLate(context, volume, signal);
        return {};
      }
      await stage(context, volume, { place, flags, capability, signal });
      return {};
    },
  };
}

/** A crash may have come between the mount and its growth. What is mounted is staged, also where it cannot grow now. */
async function growLate(context: ServiceContext, volume: NodeVolume, signal: AbortSignal): Promise<void> {
  try {
    await context.backends.of(volume).node.expand(volume, signal);
  } catch (error) {
    context.log.warn('a staged volume is smaller than it should be', { volume: volume.id, reason: messageOf(error) });
  }
}

interface Standing {
  readonly place: Place;
  readonly flags: MountFlags;
}

function refuseOtherFlags(context: ServiceContext, volume: NodeVolume, { place, flags }: Standing): void {
  const { baseOptions } = context.backends.of(volume).node;
  if (sameOptions(context.mounts.optionsAt(place.path), flags, baseOptions)) return;
  throw grpcError('ALREADY_EXISTS', `volume "${volume.id}" is staged at ${place.path} with other mount flags`);
}

/** Where a volume has a filesystem of its own, it is mounted with one of those that could have been asked for. */
function refuseOtherFsType(
  context: ServiceContext,
  volume: NodeVolume,
  { place, fsType }: { readonly place: Place; readonly fsType: string },
): void {
  if (fsType === '' || !context.backends.of(volume).offer.block) return;
  const mounted = context.mounts.fsTypeAt(place.path);
  if (mounted === fsType) return;
  throw grpcError('ALREADY_EXISTS', `volume "${volume.id}" is staged at ${place.path} as ${mounted}, not ${fsType}`);
}

interface Staging extends Standing {
  readonly capability: csi.VolumeCapability;
  readonly signal: AbortSignal;
}

async function stage(context: ServiceContext, volume: NodeVolume, staging: Staging): Promise<void> {
  const { place, flags, capability, signal } = staging;
  const readOnly = flags.readOnly || isReaderOnly(capability.accessMode);
  const request = {
    volume,
    place,
    access: capability.block ? ('block' as const) : ('mount' as const),
    fsType: capability.mount?.fsType ?? '',
    mountFlags: capability.mount?.mountFlags ?? [],
    flags: capability.block ? { ...flags, readOnly } : flags,
  };
  await context.backends.of(volume).node.stage(request, signal);
  if (!capability.block) context.mounts.remember(volume.id, place.path);
}

interface Staged {
  readonly stagingTargetPath: string;
  readonly capability: csi.VolumeCapability;
  readonly signal: AbortSignal;
}

/** Mounts anew what was staged and answers nothing since: a CO that staged a volume does not stage it again for a further pod. */
export async function stageAnewIfDead(
  context: ServiceContext,
  volume: NodeVolume,
  { stagingTargetPath, capability, signal }: Staged,
): Promise<void> {
  const { node } = context.backends.of(volume);
  if (!node.takeAwayDead) return;
  using place = Place.find(stagingTargetPath, context.places);
  if (!place || !context.mounts.remembers(volume.id, place.path)) return;
  node.takeAwayDead(volume.id, place);
  // Also where an earlier attempt took it away and met no server.
  if (context.mounts.standing(place, recognizerOf(context, volume)) !== 'unmounted') return;
  context.log.warn('what was staged is gone; mounting it anew', { volume: volume.id, path: place.path });
  await stage(context, volume, {
    place,
    flags: parseMountFlags(capability.mount?.mountFlags ?? []),
    capability,
    signal,
  });
}

/** NodeUnstageVolume: what is not staged, or not known, is fine. The staging path itself is the CO's. */
export function unstageVolume(
  context: ServiceContext,
): Method<csi.NodeUnstageVolumeRequest, csi.NodeUnstageVolumeResponse> {
  return {
    validate: ({ volumeId, stagingTargetPath }) =>
      requireFields({ volume_id: volumeId, staging_target_path: stagingTargetPath }),
    keys: ({ volumeId }) => [volumeId],
    run: async ({ volumeId, stagingTargetPath }, signal) => {
      const volume = findStaged(context, volumeId);
      if (!volume && !isVolumeId(volumeId)) return {};
      using place = Place.find(stagingTargetPath, context.places);
      const unmount = () => {
        if (place) unmountVolume(context, place, volumeId);
      };
      await stopMountGroup(context, volumeId);
      // Where its pool is not there, what is mounted is all there is to undo.
      const backend = volume && context.backends.find(volume)?.backend;
      if (backend) await backend.node.unstage(volumeId, unmount, { place, signal });
      else unmount();
      return {};
    },
  };
}
