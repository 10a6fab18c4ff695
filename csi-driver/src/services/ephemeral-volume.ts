import { statfsSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { totalmem } from 'node:os';
import type { MountInfo } from '@berth/linux';
import { type csi, grpcError } from '@berth/protos';
import { brokenMountAt, isBroken, Place } from '../mounts/place.ts';
import { requireCapability } from '../rules/capability-rules.ts';
import type { SizeRange } from '../rules/capacity-range.ts';
import { ephemeralSize, ephemeralSource, isEphemeralId } from '../rules/ephemeral.ts';
import { parseMountFlags, sameOptions, unsupportedFlag } from '../rules/mount-flags.ts';
import { mountGroupOf, objectionToGroup } from '../rules/mount-group.ts';
import type { ServiceContext } from './services.ts';

type Request = csi.NodePublishVolumeRequest;

/**
 * NodePublishVolume of a volume that lives as long as its pod: a tmpfs of its own, with a hard size. Nothing is written
 * down: the mount itself says whose it is.
 */
export function publishEphemeral(context: ServiceContext, request: Request): void {
  const { volumeId, volumeContext } = request;
  const { driverName } = context;
  const sizeBytes = ephemeralSize(volumeContext, { driverName, memoryBytes: totalmem() });
  if (!isEphemeralId(volumeId)) throw grpcError('INVALID_ARGUMENT', `volume id "${volumeId}" cannot name a volume`);
  // Its mount would be taken for the other's: nobody could take it off.
  if (context.catalog.find(volumeId)) {
    throw grpcError('ALREADY_EXISTS', `volume "${volumeId}" was made with CreateVolume; it cannot be an inline volume`);
  }
  const options = optionsOf(request, sizeBytes);
  using target = Place.find(request.targetPath, context.places);
  if (!target) {
    throw grpcError(
      'FAILED_PRECONDITION',
      `the directory of target path ${request.targetPath} does not exist; the CO makes it`,
    );
  }
  const facts = target.facts();
  if (facts && isBroken(facts)) throw brokenMountAt(target.path);
  if (facts?.isMountRoot) return refuseOther(context, target, { volumeId, sizeBytes, options });
  if (!facts) target.makeDirectory();
  else if (!target.isEmptyDirectory()) {
    throw grpcError('FAILED_PRECONDITION', `target path ${target.path} holds files that a mount would hide`);
  }
  target.mount({ fsType: 'tmpfs', source: ephemeralSource(driverName, volumeId), options });
}

/** @throws GrpcError INVALID_ARGUMENT – a capability that a directory in memory has not. */
function optionsOf(request: Request, sizeBytes: number): string[] {
  const { mount, block, accessMode } = requireCapability(request.volumeCapability);
  if (block) throw grpcError('INVALID_ARGUMENT', 'inline volumes are in memory; there is no block device');
  if (mount?.fsType && mount.fsType !== 'tmpfs') {
    throw grpcError('INVALID_ARGUMENT', `fs_type "${mount.fsType}" cannot be had: inline volumes are tmpfs`);
  }
  if (unsupportedFlag(mount?.mountFlags ?? []) !== undefined) {
    throw grpcError('INVALID_ARGUMENT', 'one of mount_flags is not supported for inline volumes');
  }
  const { readOnly, flags } = parseMountFlags(mount?.mountFlags ?? []);
  const ro = readOnly || request.readonly || accessMode?.mode === 'SINGLE_NODE_READER_ONLY';
  // Nothing that a pod puts there is to be more than a file.
  const own = new Set(['nosuid', 'nodev', ...flags]);
  const objection = objectionToGroup(mount);
  if (objection !== undefined) throw grpcError('INVALID_ARGUMENT', objection);
  const group = mountGroupOf(mount);
  const owner = group === undefined ? ['mode=0777'] : ['mode=2777', `gid=${group}`];
  return [`size=${sizeBytes}`, ...owner, ...own, ...(ro ? ['ro'] : [])];
}

interface Repeat {
  readonly volumeId: string;
  readonly sizeBytes: number;
  readonly options: readonly string[];
}

/** The same call again is fine. */
function refuseOther(context: ServiceContext, target: Place, { volumeId, sizeBytes, options }: Repeat): void {
  const mount = mountedAt(context, target.path);
  if (mount?.source !== ephemeralSource(context.driverName, volumeId)) {
    throw grpcError('ALREADY_EXISTS', `something else is mounted at the target path ${target.path}`);
  }
  if (!sameOptions(mount.options, parseMountFlags(options), [])) {
    throw grpcError('ALREADY_EXISTS', `volume "${volumeId}" is published at ${target.path} with other flags`);
  }
  // One that was expanded has more. The kernel rounds up to whole pages.
  if (sizeAt(target.path) < sizeBytes) {
    throw grpcError('ALREADY_EXISTS', `volume "${volumeId}" is published at ${target.path} with another size`);
  }
}

/**
 * NodeExpandVolume of such a volume: its memory grows at once, and with it what its pod may use.
 * @returns the size it has; undefined where the path shows something else.
 * @throws GrpcError OUT_OF_RANGE – more than this machine's memory, or it has more than limit_bytes.
 */
export function expandEphemeral(
  context: ServiceContext,
  { volumeId, volumePath }: Pick<csi.NodeExpandVolumeRequest, 'volumeId' | 'volumePath'>,
  { requiredBytes, limitBytes }: SizeRange,
): number | undefined {
  const mount = ephemeralAt(context, volumeId, volumePath);
  if (!mount) return undefined;
  const sizeBytes = sizeAt(mount.mountPoint);
  if (sizeBytes > limitBytes) {
    throw grpcError('OUT_OF_RANGE', `volume "${volumeId}" has ${sizeBytes} bytes; inline volumes do not shrink`);
  }
  if (sizeBytes >= requiredBytes) return sizeBytes;
  if (requiredBytes > totalmem()) {
    throw grpcError('OUT_OF_RANGE', `volume "${volumeId}": this node has ${totalmem()} bytes of memory`);
  }
  using place = Place.find(mount.mountPoint, context.places);
  // The mount's own options are said anew with each change, or are lost.
  place?.mount({
    fsType: 'tmpfs',
    source: mount.source,
    options: [...mount.options, 'remount', `size=${requiredBytes}`],
  });
  return sizeAt(mount.mountPoint);
}

function sizeAt(path: string): number {
  const { blocks, bsize } = statfsSync(path);
  return blocks * bsize;
}

/** The mount of such a volume at the path, if it is one. Of volumes in the catalog the mount table is not read for it. */
export function ephemeralAt(context: ServiceContext, volumeId: string, path: string): MountInfo | undefined {
  if (!isEphemeralId(volumeId) || context.catalog.find(volumeId)) return undefined;
  const mount = mountedAt(context, path);
  return mount?.source === ephemeralSource(context.driverName, volumeId) ? mount : undefined;
}

/** Takes such a volume off the path, and with it all it holds. @returns false where the path shows something else. */
export function unpublishEphemeral(context: ServiceContext, place: Place, volumeId: string): boolean {
  if (!ephemeralAt(context, volumeId, place.path)) return false;
  place.unmount();
  return true;
}

/** What such a volume holds; undefined where the path shows something else. */
export async function ephemeralUsage(context: ServiceContext, volumeId: string, path: string) {
  if (!ephemeralAt(context, volumeId, path)) return undefined;
  const { blocks, bavail, bfree, bsize, files, ffree } = await statfs(path);
  return {
    bytes: { total: blocks * bsize, available: bavail * bsize, used: (blocks - bfree) * bsize },
    inodes: { total: files, available: ffree, used: files - ffree },
  };
}

function mountedAt({ places }: ServiceContext, path: string): MountInfo | undefined {
  const mount = places.mounter.mounts().findLast(({ mountPoint }) => mountPoint === path);
  return mount?.fsType === 'tmpfs' ? mount : undefined;
}
