import { type csi, grpcError } from '@berth/protos';
import type { Backend } from '../backend/backend.ts';
import type { Placement } from '../backend/backends.ts';
import type { ContentSource, VolumeRecord } from '../catalog/volume-record.ts';
import { objectionTo } from '../rules/capability-rules.ts';
import { fits, type SizeRange, sizeRangeOf } from '../rules/capacity-range.ts';
import { trashTtlOf, withoutPlace } from '../rules/deletion.ts';
import { backendParameters, ownParameters, sameParameters } from '../rules/parameters.ts';
import { mayBeHere } from '../rules/topology.ts';
import { contentSourceOf } from './content-source.ts';
import { refuseImmutable, withMutable } from './mutable-parameters.ts';
import type { ServiceContext } from './services.ts';

/** What CreateVolume is asked for, in the driver's own terms. */
export interface Wish {
  readonly range: SizeRange;
  /** Where the class allows it: one backend, in one of these pools. */
  readonly candidates: readonly Placement[];
  /** The backend as the first of them has it that can serve the capabilities. */
  readonly backend: Backend;
  /** Those of the backend. */
  readonly parameters: Readonly<Record<string, string>>;
  /** How long the volume is kept after it was deleted. */
  readonly trashTtlMs: number | undefined;
  readonly fsType: string | undefined;
  readonly source: ContentSource | undefined;
  readonly requirement: csi.TopologyRequirement | null;
}

/** @throws GrpcError INVALID_ARGUMENT – a parameter of the driver's own that cannot be had. */
export function wishOf(context: ServiceContext, request: csi.CreateVolumeRequest): Wish {
  const mutable = ownParameters(request.mutableParameters, context.driverName);
  const own = withMutable(ownParameters(request.parameters, context.driverName), mutable);
  const all = context.backends.candidates(own);
  const able = all.filter(({ backend }) =>
    request.volumeCapabilities.every((capability) => objectionTo(capability, backend.offer) === undefined),
  );
  const candidates = able.length > 0 ? able : all;
  const { backend, pool } = candidates[0] as Placement;
  refuseImmutable(candidates[0] as Placement, mutable);
  const parameters = backendParameters(own, backend.name);
  const asked = request.volumeCapabilities.map(({ mount }) => mount?.fsType ?? '').find((fsType) => fsType !== '');
  return {
    range: sizeRangeOf(request.capacityRange),
    candidates,
    backend,
    parameters: pool ? withoutPlace(parameters) : parameters,
    trashTtlMs: pool ? trashTtlOf(own) : undefined,
    // A backend without devices makes no filesystem: there is nothing to remember.
    fsType: backend.offer.block ? asked : undefined,
    source: contentSourceOf(request.volumeContentSource),
    requirement: request.accessibilityRequirements,
  };
}

/** @throws GrpcError ALREADY_EXISTS – the volume of this name is not what is asked for; ABORTED – it is being deleted. */
export function refuseDifferent(context: ServiceContext, volume: VolumeRecord, wish: Wish): void {
  const { range, backend, candidates, parameters, fsType, source, trashTtlMs, requirement } = wish;
  const { name } = volume;
  const exists = (how: string) => grpcError('ALREADY_EXISTS', `volume "${name}" exists ${how}`);
  if (volume.state === 'deleting') throw grpcError('ABORTED', `volume "${name}" is being deleted; try again`);
  if (!fits(volume.capacityBytes, range)) throw exists(`with ${volume.capacityBytes} bytes, outside the asked range`);
  const made = volume.madeWith ?? volume;
  if (volume.backend !== backend.name || !sameParameters(made.parameters, parameters)) {
    throw exists('with other parameters');
  }
  if (made.trashTtlMs !== trashTtlMs) throw exists('with another onDelete or trashTTL');
  const { pool } = context.backends.placementOf(volume);
  if (!candidates.some((candidate) => candidate.pool === pool)) throw exists(`in the pool "${pool?.name}"`);
  if (mayBeHere(requirement, context.node) && !mayBeHere(requirement, context.node, pool)) {
    throw exists(`in the pool "${pool?.name}", which accessibility_requirements do not allow`);
  }
  if (fsType !== undefined && volume.fsType !== undefined && fsType !== volume.fsType) {
    throw exists(`for the filesystem ${volume.fsType}`);
  }
  if (source?.kind !== volume.source?.kind || source?.id !== volume.source?.id) throw exists('with another source');
}
