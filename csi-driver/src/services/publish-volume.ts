import { type Fd, isErrno } from '@berth/linux';
import { type csi, grpcError } from '@berth/protos';
import { Place } from '../mounts/place.ts';
import type { Recognizer } from '../mounts/volume-mounts.ts';
import type { Method } from '../pipeline/pipeline.ts';
import { isReaderOnly, refuseUnsupported, requireCapability } from '../rules/capability-rules.ts';
import { isEphemeral } from '../rules/ephemeral.ts';
import { type MountFlags, parseMountFlags, sameOptions } from '../rules/mount-flags.ts';
import { requireFields } from '../rules/required.ts';
import { isVolumeId } from '../rules/volume-id.ts';
import { isPublishedReadOnly } from './attach-volume.ts';
import { publishEphemeral, unpublishEphemeral } from './ephemeral-volume.ts';
import { applyMountGroup } from './mount-group.ts';
import { findStaged, getOnNode, type NodeVolume } from './node-volume.ts';
import { recognizerOf, type ServiceContext } from './services.ts';
import { stageAnewIfDead } from './stage-volume.ts';
import { unmountVolume } from './unmount-volume.ts';

type Request = csi.NodePublishVolumeRequest;

/** NodePublishVolume: binds the staged volume to a new directory at the target path (CSI spec, NodePublishVolume). */
export function publishVolume(context: ServiceContext): Method<Request, csi.NodePublishVolumeResponse> {
  return {
    validate: (request) => {
      requireFields({ volume_id: request.volumeId, target_path: request.targetPath });
      requireCapability(request.volumeCapability);
      if (request.stagingTargetPath === '' && !isEphemeral(request.volumeContext)) {
        throw grpcError('FAILED_PRECONDITION', 'staging_target_path is required: call NodeStageVolume first');
      }
      // It would be taken for published, and unpublishing would take the staged volume away.
      if (request.stagingTargetPath === request.targetPath) {
        throw grpcError('INVALID_ARGUMENT', 'target_path and staging_target_path are the same; each needs its own');
      }
    },
    keys: ({ volumeId }) => [volumeId],
    run: async (request, signal) => {
      const capability = requireCapability(request.volumeCapability);
      if (isEphemeral(request.volumeContext)) {
        publishEphemeral(context, request);
        return {};
      }
      const volume = getOnNode(context, request.volumeId, request.volumeContext);
      refuseUnsupported([capability], context.backends.of(volume).offer);
      const { stagingTargetPath } = request;
      await stageAnewIfDead(context, volume, { stagingTargetPath, capability, signal });
      const { readOnly } = flagsOf(context, request, capability);
      // What is only read keeps its owners, as with the CO's own way.
      if (!readOnly) await applyMountGroup(context, { volume, mount: capability.mount, stagingTargetPath }, signal);
      publish(context, { request, capability, volume });
      return {};
    },
  };
}

interface Publishing {
  readonly request: Request;
  readonly capability: csi.VolumeCapability;
  readonly volume: NodeVolume;
}

/** Synchronous from the first look to the bind: nothing can come between them. */
function publish(context: ServiceContext, publishing: Publishing): void {
  const { request, capability, volume } = publishing;
  const isVolume = recognizerOf(context, volume);
  const flags = flagsOf(context, request, capability);
  const { node } = context.backends.of(volume);
  if (!capability.block) requireStaged(context, request, isVolume);
  using target = Place.find(request.targetPath, context.places);
  if (!target) {
    throw grpcError(
      'FAILED_PRECONDITION',
      `the directory of target path ${request.targetPath} does not exist; the CO makes it`,
    );
  }
  // It would be taken for published: what is staged now is another mount of the same.
  node.takeAwayDead?.(volume.id, target);
  const standing = context.mounts.standing(target, isVolume);
  if (standing === 'other')
    throw grpcError('ALREADY_EXISTS', `something else is mounted at the target path ${target.path}`);
  if (standing === 'volume') return refuseOtherOptions(context, publishing, { target, flags });
  refuseSecondTarget(context, publishing, { target, isVolume });
  using source = openSource(context, publishing, flags);
  prepareTarget(target, standing, capability);
  target.bind(source, flags);
  // What was published there before, and unmounted by another, says nothing of this one.
  context.mounts.forget(request.volumeId, target.path);
  context.mounts.remember(request.volumeId, target.path);
  if (!isShared(capability)) context.mounts.rememberAlone(request.volumeId, target.path);
}

function requireStaged(context: ServiceContext, request: Request, isVolume: Recognizer): void {
  using place = Place.find(request.stagingTargetPath, context.places);
  if (place && context.mounts.standing(place, isVolume) === 'volume') return;
  throw grpcError('FAILED_PRECONDITION', `volume "${request.volumeId}" is not staged at ${request.stagingTargetPath}`);
}

/** What is bound to the target: the staged directory, or the device. */
function openSource(context: ServiceContext, { request, capability, volume }: Publishing, flags: MountFlags): Fd {
  const { node } = context.backends.of(volume);
  if (capability.block && node.device) return node.device(volume.id, flags.readOnly);
  using place = Place.find(request.stagingTargetPath, context.places);
  if (place) return place.open();
  throw grpcError('FAILED_PRECONDITION', `volume "${volume.id}" is not staged at ${request.stagingTargetPath}`);
}

/** A directory for a mount, an empty file for a device (CSI spec, NodePublishVolumeRequest.target_path). */
function prepareTarget(target: Place, standing: 'absent' | 'unmounted', { block }: csi.VolumeCapability): void {
  if (standing === 'absent') return block ? target.makeFile() : target.makeDirectory();
  if (block ? target.isEmptyFile() : target.isEmptyDirectory()) return;
  throw grpcError('FAILED_PRECONDITION', `target path ${target.path} holds files that a mount would hide`);
}

function flagsOf(
  context: ServiceContext,
  { readonly, publishContext }: Request,
  { mount, accessMode }: csi.VolumeCapability,
): MountFlags {
  const { readOnly, flags } = parseMountFlags(mount?.mountFlags ?? []);
  const ro = readOnly || readonly || isReaderOnly(accessMode);
  return { readOnly: ro || isPublishedReadOnly(context, publishContext), flags };
}

interface Repeat {
  readonly target: Place;
  readonly flags: MountFlags;
}

/** The same call again is fine, one with other arguments is not (CSI spec, NodePublishVolume's table). */
function refuseOtherOptions(context: ServiceContext, publishing: Publishing, { target, flags }: Repeat): void {
  const { request, capability } = publishing;
  // A device is bound from /dev, whose own mount options say nothing about it.
  const base = capability.block ? ['nosuid', 'nodev', 'noexec'] : context.mounts.optionsAt(request.stagingTargetPath);
  const actual = context.mounts.optionsAt(target.path);
  if (sameOptions(capability.block ? [...actual, ...base] : actual, flags, base)) return;
  throw grpcError('ALREADY_EXISTS', `volume "${request.volumeId}" is published at ${target.path} with other flags`);
}

interface SecondTarget {
  readonly target: Place;
  readonly isVolume: Recognizer;
}

/** Whether several workloads of a node may have the volume. */
function isShared({ accessMode }: csi.VolumeCapability): boolean {
  return accessMode?.mode === 'SINGLE_NODE_MULTI_WRITER' || accessMode?.mode.startsWith('MULTI_NODE_') === true;
}

/** A mode for one path of one node only; others may be published twice there (the same table). */
function refuseSecondTarget(context: ServiceContext, publishing: Publishing, { target, isVolume }: SecondTarget): void {
  const { request, capability } = publishing;
  const mode = capability.accessMode?.mode;
  const alone = context.mounts.aloneAt(request.volumeId);
  // With ten thousand targets, a further shared one costs no look at each.
  if (isShared(capability) && alone === undefined) return;
  const known = [target.path, request.stagingTargetPath];
  const others = context.mounts.others(request.volumeId, isVolume, known);
  const other = isShared(capability) ? others.find((path) => path === alone) : others[0];
  if (other === undefined) return;
  throw grpcError(
    'FAILED_PRECONDITION',
    isShared(capability)
      ? `volume "${request.volumeId}" is published at ${other} already, in an access mode that lets nobody have it beside that`
      : `volume "${request.volumeId}" is published at ${other} already, and its access mode is ${mode}`,
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
      if (!target?.facts()) return {};
      if (!unpublishEphemeral(context, target, volumeId)) {
        const isKnown = isVolumeId(volumeId) || context.mounts.remembers(volumeId, target.path);
        if (!isKnown && !findStaged(context, volumeId)) return {};
        unmountVolume(context, target, volumeId);
      }
      try {
        if (target.isEmptyFile()) target.removeFile();
        else target.removeDirectory();
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
