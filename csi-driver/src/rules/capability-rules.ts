import { type csi, grpcError } from '@berth/protos';
import type { Offer } from '../backend/backend.ts';
import { objectionToGroup } from './mount-group.ts';

type Mode = csi.VolumeCapabilityAccessModeMode;

/** Of a volume that lives in the pool of one node: several pods there may share it, other nodes never see it. */
const oneNodeModes: readonly Mode[] = [
  'SINGLE_NODE_WRITER',
  'SINGLE_NODE_READER_ONLY',
  'SINGLE_NODE_SINGLE_WRITER',
  'SINGLE_NODE_MULTI_WRITER',
];

/** Of a volume that every node reaches. */
const allModes: readonly Mode[] = [
  ...oneNodeModes,
  'MULTI_NODE_READER_ONLY',
  'MULTI_NODE_SINGLE_WRITER',
  'MULTI_NODE_MULTI_WRITER',
];

/** Nobody who has the volume in this mode may write to it. */
export function isReaderOnly(accessMode: csi.VolumeCapabilityAccessMode | null): boolean {
  return accessMode?.mode === 'SINGLE_NODE_READER_ONLY' || accessMode?.mode === 'MULTI_NODE_READER_ONLY';
}

/** @throws GrpcError INVALID_ARGUMENT – absent, or without the fields the spec requires. */
export function requireCapability(
  capability: csi.VolumeCapability | null,
  where = 'volume_capability',
): csi.VolumeCapability {
  if (!capability) throw grpcError('INVALID_ARGUMENT', `${where} is required`);
  if (!capability.mount && !capability.block) {
    throw grpcError('INVALID_ARGUMENT', `${where}: access_type is required, mount or block`);
  }
  if (!capability.accessMode || capability.accessMode.mode === 'UNKNOWN') {
    throw grpcError('INVALID_ARGUMENT', `${where}: access_mode is required`);
  }
  return capability;
}

/** @throws GrpcError INVALID_ARGUMENT – none, or an incomplete one. */
export function requireCapabilities(capabilities: readonly csi.VolumeCapability[]): void {
  if (capabilities.length === 0) throw grpcError('INVALID_ARGUMENT', 'volume_capabilities is required');
  for (const [index, capability] of capabilities.entries()) {
    requireCapability(capability, `volume_capabilities[${index}]`);
  }
}

/** Why a complete capability cannot be had, in a sentence; undefined where it can. */
export function objectionTo(capability: csi.VolumeCapability, offer: Offer): string | undefined {
  if (capability.block && !offer.block) {
    return 'block volumes are not supported: the volume is a directory; ask for a mounted one, or for parameter "backend" = "image"';
  }
  const mode = capability.accessMode?.mode ?? 'UNKNOWN';
  const modes = offer.multiNode ? allModes : oneNodeModes;
  if (!modes.includes(mode)) {
    return `access mode ${mode} is not supported: the volume is on one node; supported are ${modes.join(', ')}`;
  }
  return capability.block ? undefined : objectionToMount(capability.mount, offer);
}

function objectionToMount(mount: csi.VolumeCapabilityMountVolume | undefined, offer: Offer): string | undefined {
  const fsType = mount?.fsType ?? '';
  if (fsType !== '' && !offer.fsTypes.includes(fsType)) return offer.objectionToFsType(fsType);
  const objection = objectionToGroup(mount);
  if (objection !== undefined) return objection;
  return offer.objectionToFlags(mount?.mountFlags ?? [], fsType);
}

/** @throws GrpcError INVALID_ARGUMENT – the first objection. */
export function refuseUnsupported(capabilities: readonly csi.VolumeCapability[], offer: Offer): void {
  for (const capability of capabilities) {
    const objection = objectionTo(capability, offer);
    if (objection !== undefined) throw grpcError('INVALID_ARGUMENT', objection);
  }
}
