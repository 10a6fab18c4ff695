import { type csi, grpcError } from '@berth/protos';
import type { Backend, NamedVolume } from '../backend/backend.ts';
import type { Placement } from '../backend/backends.ts';
import type { NewVolume } from '../catalog/volume-record.ts';
import type { Method } from '../pipeline/pipeline.ts';
import { refuseUnsupported, requireCapabilities } from '../rules/capability-rules.ts';
import { newSizeOf, sizeRangeOf } from '../rules/capacity-range.ts';
import { requireFields } from '../rules/required.ts';
import { mayBeHere } from '../rules/topology.ts';
import { reservePlace } from './choose-placement.ts';
import { findSource, type Source } from './content-source.ts';
import { lookByName, lookOnServer } from './look-on-server.ts';
import { finish, makeNew } from './make-volume.ts';
import type { ServiceContext } from './services.ts';
import { volumeMessage } from './volume-message.ts';
import { refuseDifferent, type Wish, wishOf } from './volume-wish.ts';

/** CreateVolume: idempotent by name, durable before it answers (CSI spec, CreateVolume). */
export function createVolume(context: ServiceContext): Method<csi.CreateVolumeRequest, csi.CreateVolumeResponse> {
  // Asked for twice in one turn: what is refused by its content alone is refused before anything is locked.
  const wishes = new WeakMap<csi.CreateVolumeRequest, Wish>();
  return {
    validate: (request) => {
      wishes.set(request, validate(request, context));
    },
    keys: ({ name }) => [name, ...idOf(context, name)],
    run: async (request, signal) => {
      const wish = wishes.get(request) ?? wishOf(context, request);
      const existing = await findExisting(context, { request, wish }, signal);
      if (existing) {
        refuseDifferent(context, existing, wish);
        if (!wish.backend.remote) refuseElsewhere(context, request);
      }
      if (!existing) await lookForSource(context, wish, signal);
      const volume = existing
        ? await finish(context, existing, signal)
        : await makeNew(context, await plan(context, request, wish), signal);
      return { volume: volumeMessage(context, volume) };
    },
  };
}

function validate(request: csi.CreateVolumeRequest, context: ServiceContext): Wish {
  requireFields({ name: request.name });
  requireCapabilities(request.volumeCapabilities);
  sizeRangeOf(request.capacityRange);
  const wish = wishOf(context, request);
  const { backend, parameters, fsType } = wish;
  backend.offer.checkParameters(parameters, fsType);
  refuseUnsupported(request.volumeCapabilities, backend.offer);
  return wish;
}

function idOf({ catalog }: ServiceContext, name: string): string[] {
  const id = catalog.findByName(name)?.id;
  return id === undefined ? [] : [id];
}

/** Where it is on a server, another instance of the driver may have deleted it, or made it. */
async function findExisting(
  context: ServiceContext,
  { request: { name, parameters: remarks }, wish: { backend, parameters } }: Asked,
  signal: AbortSignal,
) {
  const { catalog } = context;
  const existing = catalog.findByName(name);
  if (existing) await lookOnServer(context, { kind: 'volume', id: existing.id }, { signal });
  if (!backend.notes || catalog.findByName(name)) return catalog.findByName(name);
  // A name that cannot be a directory's is replaced by one that nobody has.
  const described = backend.describe?.({ id: context.rng.uuid(), name, parameters }, remarks) ?? {};
  await lookByName(context, { backend, name, described }, signal);
  return catalog.findByName(name);
}

interface Asked {
  readonly request: csi.CreateVolumeRequest;
  readonly wish: Wish;
}

/** One that another instance made is on the share of the class, if anywhere. */
async function lookForSource(context: ServiceContext, { source, backend, parameters }: Wish, signal: AbortSignal) {
  if (source) await lookOnServer(context, source, { signal, ...(backend.notes ? { parameters } : {}) });
}

function refuseElsewhere({ node }: ServiceContext, { accessibilityRequirements }: csi.CreateVolumeRequest): void {
  if (mayBeHere(accessibilityRequirements, node)) return;
  throw grpcError(
    'RESOURCE_EXHAUSTED',
    `this driver makes volumes with ${node.key} = "${node.nodeId}" only, which accessibility_requirements do not allow`,
  );
}

/** What the new volume is to be. Its room is taken when this returns. */
async function plan(context: ServiceContext, request: csi.CreateVolumeRequest, wish: Wish): Promise<NewVolume> {
  const { rng, driverName, node } = context;
  const { name } = request;
  const { backend, parameters, trashTtlMs, requirement } = wish;
  const source = wish.source && findSource(context, wish.source);
  refuseMismatch(backend, wish, source);
  const fsType = source?.fsType ?? wish.fsType;
  const capacityBytes = sizeOf(wish, fsType, source);
  const ownName = rng.uuid();
  const described = backend.describe?.({ id: ownName, name, parameters }, request.parameters);
  const id = backend.notes?.idFor(ownName, described ?? {}) ?? ownName;
  if (backend.remote) await refuseTooLarge(backend, { name, capacityBytes, parameters });
  const candidates = source ? besideSource(wish.candidates, source) : wish.candidates;
  const placing = { id, name, capacityBytes, parameters, requirement };
  const { backend: chosen, pool } = reservePlace(candidates, placing, node);
  return {
    id,
    name,
    capacityBytes,
    backend: backend.name,
    parameters,
    context: { ...described, [`${driverName}/size-enforced`]: String(chosen.enforcesSize) },
    ...(pool?.named ? { pool: pool.name } : {}),
    ...(trashTtlMs === undefined ? {} : { trashTtlMs }),
    ...(fsType === undefined ? {} : { fsType }),
    ...(wish.source ? { source: wish.source } : {}),
  };
}

/** What has no pool has no ledger: its server is asked. @throws GrpcError RESOURCE_EXHAUSTED; UNAVAILABLE. */
async function refuseTooLarge(backend: Backend, volume: Omit<NamedVolume, 'id'> & { readonly capacityBytes: number }) {
  const { name, capacityBytes, parameters } = volume;
  const { availableBytes } = await backend.capacity(parameters);
  if (capacityBytes <= availableBytes) return;
  throw grpcError(
    'RESOURCE_EXHAUSTED',
    `volume "${name}" asks for ${capacityBytes} bytes; its server has ${availableBytes} free`,
  );
}

/** Content is taken over within a pool only. @throws GrpcError INVALID_ARGUMENT – the class is for other pools. */
function besideSource(candidates: readonly Placement[], { what, pool }: Source): readonly Placement[] {
  const beside = candidates.filter((candidate) => candidate.pool === pool);
  if (beside.length > 0) return beside;
  const name = pool?.name ?? '';
  throw grpcError('INVALID_ARGUMENT', `${what} is in the pool "${name}"; ask for parameter "pool" = "${name}"`);
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
