import { messageOf } from '@berth/kit';
import { type csi, grpcError } from '@berth/protos';
import type { VolumeRecord } from '../catalog/volume-record.ts';
import type { Method } from '../pipeline/pipeline.ts';
import { refuseUnsupported, requireCapabilities } from '../rules/capability-rules.ts';
import { fits, newSizeOf, type SizeRange, sizeRangeOf } from '../rules/capacity-range.ts';
import { ownParameters, refuseUnknownParameters, sameParameters } from '../rules/parameters.ts';
import { requireFields } from '../rules/required.ts';
import { mayBeHere } from '../rules/topology.ts';
import type { ServiceContext } from './services.ts';
import { volumeMessage } from './volume-message.ts';

/** CreateVolume: idempotent by name, durable before it answers (CSI spec, CreateVolume). */
export function createVolume(context: ServiceContext): Method<csi.CreateVolumeRequest, csi.CreateVolumeResponse> {
  return {
    validate: (request) => validate(request, context.driverName),
    keys: ({ name }) => [name, ...idOf(context, name)],
    run: async (request) => {
      refuseUnsupported(request.volumeCapabilities, context.backend.fsTypes);
      const range = sizeRangeOf(request.capacityRange);
      const parameters = ownParameters(request.parameters, context.driverName);
      const existing = context.catalog.findByName(request.name);
      if (existing) refuseDifferent(existing, range, parameters);
      refuseElsewhere(context, request);
      const volume = existing ?? (await begin(context, request.name, { range, parameters }));
      return { volume: volumeMessage(await finish(context, volume), context.node) };
    },
  };
}

function validate(request: csi.CreateVolumeRequest, driverName: string): void {
  requireFields({ name: request.name });
  requireCapabilities(request.volumeCapabilities);
  sizeRangeOf(request.capacityRange);
  refuseUnknownParameters(ownParameters(request.parameters, driverName));
  if (Object.keys(request.mutableParameters).length > 0) {
    throw grpcError('INVALID_ARGUMENT', 'mutable_parameters are not supported');
  }
  if (request.volumeContentSource) {
    throw grpcError('INVALID_ARGUMENT', 'volume_content_source is not supported: the backend makes empty volumes only');
  }
}

function idOf({ catalog }: ServiceContext, name: string): string[] {
  const id = catalog.findByName(name)?.id;
  return id === undefined ? [] : [id];
}

function refuseDifferent(volume: VolumeRecord, range: SizeRange, parameters: Readonly<Record<string, string>>): void {
  const { name } = volume;
  if (volume.state === 'deleting') throw grpcError('ABORTED', `volume "${name}" is being deleted; try again`);
  if (!fits(volume.capacityBytes, range)) {
    throw grpcError(
      'ALREADY_EXISTS',
      `volume "${name}" exists with ${volume.capacityBytes} bytes, outside the asked range`,
    );
  }
  if (!sameParameters(volume.parameters, parameters)) {
    throw grpcError('ALREADY_EXISTS', `volume "${name}" exists with other parameters`);
  }
}

function refuseElsewhere({ node }: ServiceContext, { accessibilityRequirements }: csi.CreateVolumeRequest): void {
  if (mayBeHere(accessibilityRequirements, node)) return;
  throw grpcError(
    'RESOURCE_EXHAUSTED',
    `this driver makes volumes with ${node.key} = "${node.nodeId}" only, which accessibility_requirements do not allow`,
  );
}

interface Wish {
  readonly range: SizeRange;
  readonly parameters: Readonly<Record<string, string>>;
}

async function begin(context: ServiceContext, name: string, { range, parameters }: Wish): Promise<VolumeRecord> {
  const { backend, catalog, rng, driverName } = context;
  const capacityBytes = newSizeOf(range);
  const { availableBytes } = await backend.capacity();
  if (capacityBytes > availableBytes) {
    throw grpcError(
      'RESOURCE_EXHAUSTED',
      `volume "${name}" asks for ${capacityBytes} bytes; the pool has ${availableBytes} free`,
    );
  }
  const contextOfVolume = { [`${driverName}/size-enforced`]: String(backend.enforcesSize) };
  return await catalog.begin({
    id: rng.uuid(),
    name,
    capacityBytes,
    backend: backend.name,
    parameters,
    context: contextOfVolume,
  });
}

/** Makes what the catalog says is to be; where that fails, takes both back. */
async function finish(context: ServiceContext, volume: VolumeRecord): Promise<VolumeRecord> {
  if (volume.state === 'ready') return volume;
  const { backend, catalog, log } = context;
  try {
    await backend.create(volume.id, volume);
    return await catalog.update(volume, { state: 'ready' });
  } catch (error) {
    try {
      await backend.delete(volume.id);
      await catalog.remove(volume.id);
    } catch (undoError) {
      log.warn('half-made volume stays until the next try or start', {
        volume: volume.id,
        reason: messageOf(undoError),
      });
    }
    throw error;
  }
}
