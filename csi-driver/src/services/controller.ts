import type { csi } from '@berth/protos';
import type { VolumeRecord } from '../catalog/volume-record.ts';
import type { Method, Methods } from '../pipeline/pipeline.ts';
import { objectionTo, requireCapabilities } from '../rules/capability-rules.ts';
import { trashTtlOf, withoutPlace } from '../rules/deletion.ts';
import { backendParameters, ownParameters, sameParameters } from '../rules/parameters.ts';
import { requireFields } from '../rules/required.ts';
import { attachMethods, publishedNodes } from './attach-volume.ts';
import { createSnapshot } from './create-snapshot.ts';
import { createVolume } from './create-volume.ts';
import { deleteSnapshot } from './delete-snapshot.ts';
import { deleteVolume } from './delete-volume.ts';
import { expandVolume } from './expand-volume.ts';
import { getCapacity } from './get-capacity.ts';
import { getSnapshot, listSnapshots } from './list-snapshots.ts';
import { listVolumes } from './list-volumes.ts';
import { lookOnServer } from './look-on-server.ts';
import { isModified, modifyVolume } from './modify-volume.ts';
import { withMutable } from './mutable-parameters.ts';
import { getVolume, type ServiceContext } from './services.ts';
import { getVolumeHealth, listVolumeHealth } from './volume-health.ts';
import { volumeMessage } from './volume-message.ts';

const capabilities = [
  'CREATE_DELETE_VOLUME',
  'LIST_VOLUMES',
  'GET_VOLUME',
  'GET_CAPACITY',
  'EXPAND_VOLUME',
  'CREATE_DELETE_SNAPSHOT',
  'LIST_SNAPSHOTS',
  'GET_SNAPSHOT',
  'CLONE_VOLUME',
  'SINGLE_NODE_MULTI_WRITER',
  'MODIFY_VOLUME',
  'GET_VOLUME_HEALTH',
  'LIST_VOLUME_HEALTH',
] as const;

/** Offered where volumes are attached. */
const attachCapabilities = ['PUBLISH_UNPUBLISH_VOLUME', 'PUBLISH_READONLY', 'LIST_VOLUMES_PUBLISHED_NODES'] as const;

/** CSI Controller: which volumes there are. */
export function controllerMethods(context: ServiceContext): Methods<csi.ControllerService> {
  const offered = context.attach ? [...capabilities, ...attachCapabilities] : capabilities;
  return {
    CreateVolume: createVolume(context),
    DeleteVolume: deleteVolume(context),
    ListVolumes: listVolumes(context),
    ...(context.attach ? attachMethods(context) : {}),
    ControllerExpandVolume: expandVolume(context),
    ControllerGetVolume: getOneVolume(context),
    CreateSnapshot: createSnapshot(context),
    DeleteSnapshot: deleteSnapshot(context),
    ListSnapshots: listSnapshots(context),
    GetSnapshot: getSnapshot(context),
    ControllerModifyVolume: modifyVolume(context),
    ControllerGetVolumeHealth: getVolumeHealth(context),
    ControllerListVolumeHealth: listVolumeHealth(context),
    ValidateVolumeCapabilities: validateCapabilities(context),
    GetCapacity: getCapacity(context),
    ControllerGetCapabilities: {
      run: async () => ({ capabilities: offered.map((type) => ({ rpc: { type } })) }),
    },
  };
}

function getOneVolume(
  context: ServiceContext,
): Method<csi.ControllerGetVolumeRequest, csi.ControllerGetVolumeResponse> {
  return {
    validate: ({ volumeId }) => requireFields({ volume_id: volumeId }),
    run: async ({ volumeId }, signal) => {
      await lookOnServer(context, { kind: 'volume', id: volumeId }, { signal });
      return {
        volume: volumeMessage(context, getVolume(context, volumeId)),
        status: { publishedNodeIds: publishedNodes(context, volumeId) },
      };
    },
  };
}

function validateCapabilities(
  context: ServiceContext,
): Method<csi.ValidateVolumeCapabilitiesRequest, csi.ValidateVolumeCapabilitiesResponse> {
  return {
    validate: (request) => {
      requireFields({ volume_id: request.volumeId });
      requireCapabilities(request.volumeCapabilities);
    },
    run: async (request, signal) => {
      await lookOnServer(context, { kind: 'volume', id: request.volumeId }, { signal });
      const { volumeContext, volumeCapabilities, parameters, mutableParameters } = request;
      const volume = getVolume(context, request.volumeId);
      const { offer } = context.backends.of(volume);
      const objections = volumeCapabilities.map((capability) => objectionTo(capability, offer));
      const objection = objections.find((one) => one !== undefined) ?? differenceIn(context, request, volume);
      if (objection !== undefined) return { message: objection };
      return { confirmed: { volumeContext, volumeCapabilities, parameters, mutableParameters } };
    },
  };
}

/** An empty map was not asked about. */
function differenceIn(
  context: ServiceContext,
  request: csi.ValidateVolumeCapabilitiesRequest,
  volume: VolumeRecord,
): string | undefined {
  const own = ownParameters(request.parameters, context.driverName);
  const mutable = ownParameters(request.mutableParameters, context.driverName);
  if (Object.keys(own).length > 0 && !isOfClass(context, withMutable(own, mutable), { ...volume, ...volume.madeWith }))
    if (!isOfClass(context, withMutable(own, mutable), volume)) return 'the volume was made with other parameters';
  if (Object.keys(mutable).length > 0 && !isModified(context, volume, mutable))
    return 'the volume has other mutable_parameters';
  // Keys of others are the CO's additions on the way (its own prefix).
  const ownContext = Object.entries(ownParameters(request.volumeContext, context.driverName));
  if (ownContext.some(([key, value]) => volume.context[key] !== value)) return 'the volume has another volume_context';
  return undefined;
}

function isOfClass(context: ServiceContext, own: Readonly<Record<string, string>>, volume: VolumeRecord): boolean {
  const { backend, pool } = context.backends.placementOf(volume);
  if (!context.backends.candidates(own).some((one) => one.backend === backend && one.pool === pool)) return false;
  const parameters = backendParameters(own, backend.name);
  if (!pool) return sameParameters(parameters, volume.parameters);
  return trashTtlOf(own) === volume.trashTtlMs && sameParameters(withoutPlace(parameters), volume.parameters);
}
