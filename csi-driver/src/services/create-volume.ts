import { type csi, grpcError } from '@berth/protos';
import type { Backend } from '../backend/backend.ts';
import type { ContentSource, NewVolume, VolumeRecord } from '../catalog/volume-record.ts';
import type { Method } from '../pipeline/pipeline.ts';
import { refuseUnsupported, requireCapabilities } from '../rules/capability-rules.ts';
import { fits, newSizeOf, type SizeRange, sizeRangeOf } from '../rules/capacity-range.ts';
import { backendParameters, ownParameters, sameParameters } from '../rules/parameters.ts';
import { requireFields } from '../rules/required.ts';
import { mayBeHere } from '../rules/topology.ts';
import { contentSourceOf, findSource, type Source } from './content-source.ts';
import { finish, makeNew } from './make-volume.ts';
import type { ServiceContext } from './services.ts';
import { volumeMessage } from './volume-message.ts';

/** CreateVolume: idempotent by name, durable before it answers (CSI spec, CreateVolume). */
export function createVolume(context: ServiceContext): Method<csi.CreateVolumeRequest, csi.CreateVolumeResponse> {
  return {
    validate: (request) => validate(request, context),
    keys: ({ name }) => [name, ...idOf(context, name)],
    run: async (request, signal) => {
      const wish = wishOf(context, request);
      const existing = context.catalog.findByName(request.name);
      if (existing) refuseDifferent(existing, wish);
      refuseElsewhere(context, request);
      const volume = existing
        ? await finish(context, existing, signal)
        : await makeNew(context, await plan(context, request.name, wish), signal);
      return { volume: volumeMessage(volume, context.node) };
    },
  };
}

interface Wish {
  readonly range: SizeRange;
  readonly backend: Backend;
  /** Those of the backend. */
  readonly parameters: Readonly<Record<string, string>>;
  readonly fsType: string | undefined;
  readonly source: ContentSource | undefined;
}

function validate(request: csi.CreateVolumeRequest, context: ServiceContext): void {
  requireFields({ name: request.name });
  requireCapabilities(request.volumeCapabilities);
  sizeRangeOf(request.capacityRange);
  const { backend, parameters, fsType } = wishOf(context, request);
  backend.offer.checkParameters(parameters, fsType);
  if (Object.keys(request.mutableParameters).length > 0) {
    throw grpcError('INVALID_ARGUMENT', 'mutable_parameters are not supported');
  }
  refuseUnsupported(request.volumeCapabilities, backend.offer);
}

function wishOf(context: ServiceContext, request: csi.CreateVolumeRequest): Wish {
  const own = ownParameters(request.parameters, context.driverName);
  const backend = context.backends.forParameters(own);
  const asked = request.volumeCapabilities.map(({ mount }) => mount?.fsType ?? '').find((fsType) => fsType !== '');
  return {
    range: sizeRangeOf(request.capacityRange),
    backend,
    parameters: backendParameters(own),
    // A backend without devices makes no filesystem: there is nothing to remember.
    fsType: backend.offer.block ? asked : undefined,
    source: contentSourceOf(request.volumeContentSource),
  };
}

function idOf({ catalog }: ServiceContext, name: string): string[] {
  const id = catalog.findByName(name)?.id;
  return id === undefined ? [] : [id];
}

function refuseDifferent(volume: VolumeRecord, { range, backend, parameters, fsType, source }: Wish): void {
  const { name } = volume;
  const exists = (how: string) => grpcError('ALREADY_EXISTS', `volume "${name}" exists ${how}`);
  if (volume.state === 'deleting') throw grpcError('ABORTED', `volume "${name}" is being deleted; try again`);
  if (!fits(volume.capacityBytes, range)) throw exists(`with ${volume.capacityBytes} bytes, outside the asked range`);
  if (volume.backend !== backend.name || !sameParameters(volume.parameters, parameters)) {
    throw exists('with other parameters');
  }
  if (fsType !== undefined && volume.fsType !== undefined && fsType !== volume.fsType) {
    throw exists(`for the filesystem ${volume.fsType}`);
  }
  if (source?.kind !== volume.source?.kind || source?.id !== volume.source?.id) throw exists('with another source');
}

function refuseElsewhere({ node }: ServiceContext, { accessibilityRequirements }: csi.CreateVolumeRequest): void {
  if (mayBeHere(accessibilityRequirements, node)) return;
  throw grpcError(
    'RESOURCE_EXHAUSTED',
    `this driver makes volumes with ${node.key} = "${node.nodeId}" only, which accessibility_requirements do not allow`,
  );
}

async function plan(context: ServiceContext, name: string, wish: Wish): Promise<NewVolume> {
  const { rng, driverName } = context;
  const { backend, parameters } = wish;
  const source = wish.source && findSource(context, wish.source);
  refuseMismatch(backend, wish, source);
  const fsType = source?.fsType ?? wish.fsType;
  const capacityBytes = sizeOf(wish, fsType, source);
  const { availableBytes } = await backend.capacity();
  if (capacityBytes > availableBytes) {
    throw grpcError(
      'RESOURCE_EXHAUSTED',
      `volume "${name}" asks for ${capacityBytes} bytes; the pool has ${availableBytes} free`,
    );
  }
  return {
    id: rng.uuid(),
    name,
    capacityBytes,
    backend: backend.name,
    parameters,
    context: { [`${driverName}/size-enforced`]: String(backend.enforcesSize) },
    ...(fsType === undefined ? {} : { fsType }),
    ...(wish.source ? { source: wish.source } : {}),
  };
}

function refuseMismatch(backend: Backend, { fsType }: Wish, source: Source | undefined): void {
  if (!source) return;
  if (source.backend !== backend.name) {
    throw grpcError(
      'INVALID_ARGUMENT',
      `${source.what} is kept by the backend "${source.backend}"; ask for parameter "backend" = "${source.backend}", not "${backend.name}"`,
    );
  }
  if (fsType !== undefined && source.fsType !== undefined && fsType !== source.fsType) {
    throw grpcError(
      'INVALID_ARGUMENT',
      `${source.what} holds ${source.fsType}; fs_type ${fsType} cannot be had from it`,
    );
  }
}

function sizeOf({ range, backend }: Wish, fsType: string | undefined, source: Source | undefined): number {
  const { requiredBytes, limitBytes } = range;
  if (source && ((requiredBytes > 0 && requiredBytes < source.sizeBytes) || limitBytes < source.sizeBytes)) {
    throw grpcError('OUT_OF_RANGE', `${source.what} has ${source.sizeBytes} bytes, more than capacity_range asks for`);
  }
  const wanted = source && requiredBytes === 0 ? source.sizeBytes : newSizeOf(range);
  const capacityBytes = backend.offer.sizeFor(wanted, fsType);
  if (capacityBytes <= limitBytes) return capacityBytes;
  const what = fsType === undefined ? `volume of the backend "${backend.name}"` : `${fsType} volume`;
  throw grpcError('OUT_OF_RANGE', `the smallest ${what} for ${wanted} bytes has ${capacityBytes}; raise limit_bytes`);
}
