import type { csi } from '@berth/protos';

/** Where volumes of this driver are: on its node, named by one segment. */
export interface NodeTopology {
  readonly key: string;
  readonly nodeId: string;
}

export function topologyOf({ key, nodeId }: NodeTopology): csi.Topology {
  return { segments: { [key]: nodeId } };
}

/** Keys compare without case (CSI spec, Topology); a segment that is not ours excludes this node. */
export function isHere(topology: csi.Topology, { key, nodeId }: NodeTopology): boolean {
  const segments = Object.entries(topology.segments);
  return segments.every(([name, value]) => name.toLowerCase() === key.toLowerCase() && value === nodeId);
}

/** Preferred is a wish; only requisite decides. */
export function mayBeHere(requirement: csi.TopologyRequirement | null, node: NodeTopology): boolean {
  const requisite = requirement?.requisite ?? [];
  return requisite.length === 0 || requisite.some((topology) => isHere(topology, node));
}
