import { type csi, grpcError } from '@berth/protos';
import type { Placement } from '../backend/backends.ts';
import { mayBeHere, type NodeTopology, wishRank } from '../rules/topology.ts';
import { claimOf, commitmentOf } from './accounts.ts';

/** A volume that is looking for its pool. */
export interface Placing {
  readonly id: string;
  readonly name: string;
  readonly capacityBytes: number;
  readonly parameters: Readonly<Record<string, string>>;
  readonly requirement: csi.TopologyRequirement | null;
}

/**
 * Of the pools a volume may be in, the one the CO wishes first, and of these the one with most room; its room is taken.
 * Synchronous, so that volumes made at once cannot take the same room.
 * @throws GrpcError RESOURCE_EXHAUSTED – none is where the CO wants it, or none has the room; says what there is.
 */
export function reservePlace(candidates: readonly Placement[], placing: Placing, node: NodeTopology): Placement {
  const { name, capacityBytes, requirement } = placing;
  const allowed = candidates.filter(({ pool, backend }) => backend.remote || mayBeHere(requirement, node, pool));
  if (allowed.length === 0) throw elsewhere(candidates, node);
  const reasons: string[] = [];
  for (const placement of allowed.length === 1 ? allowed : bestFirst(allowed, placing, node)) {
    const { pool, backend } = placement;
    const refusal = pool?.ledger.reserve(claimOf(backend, { ...placing, backend: backend.name }));
    if (!refusal) return placement;
    reasons.push(`the pool "${pool?.name}" can give ${refusal.availableBytes}: ${refusal.reason}`);
  }
  throw grpcError('RESOURCE_EXHAUSTED', `volume "${name}" asks for ${capacityBytes} bytes; ${reasons.join('; ')}`);
}

function bestFirst(
  allowed: readonly Placement[],
  { parameters, requirement }: Placing,
  node: NodeTopology,
): Placement[] {
  const rated = allowed.map((placement) => ({
    placement,
    rank: wishRank(requirement, node, placement.pool),
    room: placement.pool?.ledger.available(commitmentOf(placement.backend, parameters)) ?? Number.POSITIVE_INFINITY,
  }));
  rated.sort((a, b) => a.rank - b.rank || b.room - a.room);
  return rated.map(({ placement }) => placement);
}

function elsewhere(candidates: readonly Placement[], { key, nodeId, poolPrefix }: NodeTopology): Error {
  const segments = candidates.flatMap(({ pool }) => (pool?.named ? [`${poolPrefix}${pool.name}`] : []));
  const pools = segments.length > 0 ? ` and one of ${segments.join(', ')} = "true"` : '';
  return grpcError(
    'RESOURCE_EXHAUSTED',
    `such volumes are made with ${key} = "${nodeId}"${pools} only, which accessibility_requirements do not allow`,
  );
}
