import { type csi, grpcError } from '@berth/protos';
import type { Attachment } from '../catalog/attachment-table.ts';
import type { Method, Methods } from '../pipeline/pipeline.ts';
import { refuseUnsupported, requireCapability } from '../rules/capability-rules.ts';
import { requireFields } from '../rules/required.ts';
import { lookOnServer } from './look-on-server.ts';
import { getVolume, type ServiceContext } from './services.ts';

type Publish = Method<csi.ControllerPublishVolumeRequest, csi.ControllerPublishVolumeResponse>;
type Unpublish = Method<csi.ControllerUnpublishVolumeRequest, csi.ControllerUnpublishVolumeResponse>;

/** The methods with which a CO says where a volume is to be used, before it is. */
export function attachMethods(context: ServiceContext): Methods<csi.ControllerService> {
  return { ControllerPublishVolume: publish(context), ControllerUnpublishVolume: unpublish(context) };
}

/** Nodes the volume is published to; empty where the driver does not attach. */
export function publishedNodes({ attach, catalog }: ServiceContext, volumeId: string): string[] {
  return attach ? catalog.attachments.ofVolume(volumeId).map(({ nodeId }) => nodeId) : [];
}

/** Whether the publish context, as the CO hands it on, allows reading only. */
export function isPublishedReadOnly(
  { driverName }: ServiceContext,
  publishContext: Readonly<Record<string, string>>,
): boolean {
  return publishContext[readOnlyKey(driverName)] === 'true';
}

function readOnlyKey(driverName: string): string {
  return `${driverName}/read-only`;
}

/** ControllerPublishVolume: writes down where the volume is used, and how (CSI spec, its table of errors). */
function publish(context: ServiceContext): Publish {
  const { catalog, node, maxVolumesPerNode, driverName } = context;
  return {
    validate: ({ volumeId, nodeId, volumeCapability }) => {
      requireFields({ volume_id: volumeId, node_id: nodeId });
      requireCapability(volumeCapability);
    },
    keys: ({ volumeId }) => [volumeId],
    run: async ({ volumeId, nodeId, volumeCapability, readonly: readOnly }, signal) => {
      const capability = requireCapability(volumeCapability);
      await lookOnServer(context, { kind: 'volume', id: volumeId }, { signal });
      const volume = getVolume(context, volumeId);
      const { offer, remote } = context.backends.of(volume);
      // Which nodes there are is not known here: only that a volume of this node's pools is on no other.
      if (nodeId !== node.nodeId && !remote) throw grpcError('NOT_FOUND', `node "${nodeId}" does not exist`);
      refuseUnsupported([capability], offer);
      const access = capability.block ? ('block' as const) : ('mount' as const);
      const wish = { volumeId, nodeId, mode: capability.accessMode?.mode ?? 'UNKNOWN', access, readOnly };
      const publishContext = readOnly ? { [readOnlyKey(driverName)]: 'true' } : {};
      const existing = catalog.attachments.ofVolume(volumeId);
      if (existing.some((one) => one.nodeId === nodeId && isSame(one, wish))) return { publishContext };
      for (const one of existing) refuseSecond(one, wish);
      const limit = maxVolumesPerNode === 0 ? undefined : maxVolumesPerNode;
      if (await catalog.attachments.add(wish, limit)) return { publishContext };
      throw grpcError('RESOURCE_EXHAUSTED', `node "${nodeId}" has ${limit} volumes already, which is its limit`);
    },
  };
}

function isSame(a: Attachment, b: Attachment): boolean {
  return a.mode === b.mode && a.access === b.access && a.readOnly === b.readOnly;
}

function refuseSecond(existing: Attachment, wish: Attachment): void {
  const { volumeId, nodeId, mode, access, readOnly } = existing;
  if (nodeId === wish.nodeId) {
    const how = `${mode}, ${access}, ${readOnly ? 'read-only' : 'read-write'}`;
    throw grpcError('ALREADY_EXISTS', `volume "${volumeId}" is published to node "${nodeId}" already, as ${how}`);
  }
  if (mode.startsWith('MULTI_NODE') && wish.mode.startsWith('MULTI_NODE')) return;
  throw grpcError('FAILED_PRECONDITION', `volume "${volumeId}" is published to node "${nodeId}"; unpublish it there`);
}

/** ControllerUnpublishVolume: from one node or, without one, from all; what is not published is fine. */
function unpublish({ catalog }: ServiceContext): Unpublish {
  return {
    validate: ({ volumeId }) => requireFields({ volume_id: volumeId }),
    keys: ({ volumeId }) => [volumeId],
    run: async ({ volumeId, nodeId }) => {
      const found = catalog.attachments.ofVolume(volumeId).filter((one) => nodeId === '' || one.nodeId === nodeId);
      for (const one of found) await catalog.attachments.remove(volumeId, one.nodeId);
      return {};
    },
  };
}
