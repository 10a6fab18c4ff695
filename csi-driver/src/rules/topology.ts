import type { csi } from '@berth/protos';

/** Where volumes of this driver are: on its node, named by one segment, and in its pools, each with a segment of its own. */
export interface NodeTopology {
  readonly key: string;
  readonly nodeId: string;
  /** A pool's key begins with it; its name follows. */
  readonly poolPrefix: string;
}

/** A pool as its topology shows it: only one that was given a name has a segment. */
export interface PoolPlace {
  readonly name: string;
  readonly named: boolean;
}

/** The value of a pool's segment: it is there. */
const present = 'true';

export function nodeTopology(driverName: string, nodeId: string): NodeTopology {
  return { key: `topology.${driverName}/node`, nodeId, poolPrefix: `topology.${driverName}/pool-` };
}

/** The node, or a place on it: with the segment of one pool. */
export function topologyOf({ key, nodeId, poolPrefix }: NodeTopology, pools: readonly PoolPlace[] = []): csi.Topology {
  const segments: Record<string, string> = { [key]: nodeId };
  for (const { name, named } of pools) if (named) segments[`${poolPrefix}${name}`] = present;
  return { segments };
}

/**
 * Whether what is in the pool can be had from there. Keys compare without case (CSI spec, Topology); a segment that is not
 * ours excludes this node. Of the pools a topology names, a volume may be in any; where it names none, in all.
 */
export function isHere(topology: csi.Topology, node: NodeTopology, pool?: PoolPlace): boolean {
  let namesPools = false;
  let namesThis = false;
  for (const [key, value] of Object.entries(topology.segments)) {
    const name = key.toLowerCase();
    if (name === node.key.toLowerCase() && value === node.nodeId) continue;
    if (!name.startsWith(node.poolPrefix.toLowerCase()) || value !== present) return false;
    namesPools = true;
    namesThis ||= pool !== undefined && name.slice(node.poolPrefix.length) === pool.name;
  }
  return !namesPools || !pool?.named || namesThis;
}

/** Preferred is a wish; only requisite decides. */
export function mayBeHere(requirement: csi.TopologyRequirement | null, node: NodeTopology, pool?: PoolPlace): boolean {
  const requisite = requirement?.requisite ?? [];
  return requisite.length === 0 || requisite.some((topology) => isHere(topology, node, pool));
}

/** How early in the CO's wishes the pool comes: 0 for the first. */
export function wishRank(requirement: csi.TopologyRequirement | null, node: NodeTopology, pool?: PoolPlace): number {
  const preferred = requirement?.preferred ?? [];
  const index = preferred.findIndex((topology) => isHere(topology, node, pool));
  return index < 0 ? preferred.length : index;
}
