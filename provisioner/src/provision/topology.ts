import type { CSINode, Node, TopologySelectorTerm, VolumeNodeAffinity } from '@berth/kube';
import type { csi, Init } from '@berth/protos';

/** Labels that say where something is: `{ 'topology.example/zone': 'a' }`. */
export type Segments = Readonly<Record<string, string>>;

export interface TopologyOptions {
  readonly driverName: string;
  readonly claimName: string;
  readonly allowedTopologies: readonly TopologySelectorTerm[] | undefined;
  readonly selectedNode: Node | undefined;
  readonly nodes: (name: string) => Node | undefined;
  readonly csiNodes: readonly CSINode[];
  /** Only the selected node's own segment will do. */
  readonly strict: boolean;
  /** Without a selected node, offer the segments of the whole cluster. */
  readonly immediate: boolean;
}

/**
 * Where a new volume has to be reachable from, and where best (external-provisioner topology.go):
 *
 * | selected node | strict | requisite | preferred |
 * | --- | --- | --- | --- |
 * | yes | yes | its segment | its segment |
 * | yes | no | allowed topologies, else the cluster's | the same, its segment first |
 * | no | | allowed topologies, else the cluster's if `immediate`, else nothing | the same, starting by the claim's name |
 *
 * @throws Error – the selected node has no topology for the driver, or none that is allowed.
 */
export function topologyRequirement(options: TopologyOptions): Init<csi.TopologyRequirement> | undefined {
  const { selectedNode, strict, allowedTopologies } = options;
  const allowed = allowedSegments(allowedTopologies ?? []);
  const own = selectedNode && segmentsOfSelected(selectedNode, options);
  if (own && strict) {
    if (!isAllowed(own, allowedTopologies)) throw notAllowed(options, own, allowed);
    return { requisite: [{ segments: own }], preferred: [{ segments: own }] };
  }
  if (allowed.length === 0 && !own && !options.immediate) return undefined;
  const requisite = distinct(allowed.length > 0 ? allowed : clusterSegments(options));
  if (requisite.length === 0) return undefined;
  const first = own ? requisite.findIndex((one) => contains(own, one)) : startFor(options.claimName, requisite.length);
  if (first < 0) throw notAllowed(options, own ?? {}, requisite);
  const preferred = [...requisite.slice(first), ...requisite.slice(0, first)];
  const wire = (list: readonly Segments[]) => list.map((segments) => ({ segments }));
  return { requisite: wire(requisite), preferred: wire(preferred) };
}

/** Which nodes reach a volume with this topology; undefined: all of them. */
export function nodeAffinityOf(accessible: readonly csi.Topology[]): VolumeNodeAffinity | undefined {
  if (accessible.length === 0) return undefined;
  const nodeSelectorTerms = accessible.map(({ segments }) => ({
    matchExpressions: Object.entries(segments)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, value]) => ({ key, operator: 'In', values: [value] })),
  }));
  return { required: { nodeSelectorTerms } };
}

export function topologyKeysOf(csiNode: CSINode | undefined, driverName: string): readonly string[] {
  return csiNode?.spec.drivers.find(({ name }) => name === driverName)?.topologyKeys ?? [];
}

/** A node's values for the keys; undefined where a label is missing. */
export function segmentsOf(node: Node, keys: readonly string[]): Segments | undefined {
  const labels = node.metadata.labels ?? {};
  if (!keys.every((key) => Object.hasOwn(labels, key))) return undefined;
  return Object.fromEntries(keys.map((key) => [key, labels[key] as string]));
}

/** Whether a class lets its volumes be in a segment; without terms, in all. */
export function isAllowed(own: Segments, terms: readonly TopologySelectorTerm[] | undefined): boolean {
  const allowed = allowedSegments(terms ?? []);
  return allowed.length === 0 || allowed.some((one) => contains(own, one));
}

function segmentsOfSelected(node: Node, { csiNodes, driverName }: TopologyOptions): Segments {
  const { name } = node.metadata;
  const keys = topologyKeysOf(
    csiNodes.find(({ metadata }) => metadata.name === name),
    driverName,
  );
  if (keys.length === 0)
    throw new Error(`no topology key found for node "${name}": the driver is not registered there`);
  const segments = segmentsOf(node, keys);
  if (segments) return segments;
  throw new Error(`topology labels from selected node "${name}" does not match topology keys from CSINode ${keys}`);
}

function notAllowed({ selectedNode }: TopologyOptions, own: Segments, allowed: readonly Segments[]): Error {
  const name = selectedNode?.metadata.name;
  return new Error(
    `selected node "${name}" topology ${JSON.stringify(own)} is not in allowed topologies: ${JSON.stringify(allowed)}`,
  );
}

/** Every combination of the values a term lists (flatten). */
function allowedSegments(terms: readonly TopologySelectorTerm[]): Segments[] {
  return terms.flatMap(({ matchLabelExpressions = [] }) => {
    let combinations: Segments[] = matchLabelExpressions.length === 0 ? [] : [{}];
    for (const { key, values } of matchLabelExpressions) {
      combinations = combinations.flatMap((one) => values.map((value) => ({ ...one, [key]: value })));
    }
    return combinations;
  });
}

/** Where volumes of the driver may be: the segment of each node that runs it, and is labelled as its driver says. */
export function segmentsOfCluster(
  csiNodes: readonly CSINode[],
  { driverName, nodes }: Pick<TopologyOptions, 'driverName' | 'nodes'>,
): Segments[] {
  const all = csiNodes.map((csiNode) => {
    const keys = topologyKeysOf(csiNode, driverName);
    const node = nodes(csiNode.metadata.name ?? '');
    return keys.length > 0 && node ? segmentsOf(node, keys) : undefined;
  });
  return distinct(all.filter((segments) => segments !== undefined));
}

/** The segments of all nodes that run the driver with the same keys as the selected one, or as the first there is. */
function clusterSegments({ csiNodes, driverName, nodes, selectedNode }: TopologyOptions): Segments[] {
  const keysOf = (csiNode: CSINode) => topologyKeysOf(csiNode, driverName);
  const model = csiNodes.find((csiNode) =>
    selectedNode ? csiNode.metadata.name === selectedNode.metadata.name : keysOf(csiNode).length > 0,
  );
  const keys = model ? keysOf(model) : [];
  if (keys.length === 0) return [];
  return csiNodes
    .filter((csiNode) => keysOf(csiNode).length === keys.length && keys.every((key) => keysOf(csiNode).includes(key)))
    .map(({ metadata }) => nodes(metadata.name ?? ''))
    .map((node) => node && segmentsOf(node, keys))
    .filter((segments) => segments !== undefined);
}

function distinct(list: readonly Segments[]): Segments[] {
  const byText = new Map(
    list.map((segments) => {
      const sorted = Object.entries(segments).sort(([a], [b]) => (a < b ? -1 : 1));
      return [JSON.stringify(sorted), Object.fromEntries(sorted)] as const;
    }),
  );
  return [...byText].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, segments]) => segments);
}

/** True when `whole` has every label of `part`. */
function contains(whole: Segments, part: Segments): boolean {
  return Object.entries(part).every(([key, value]) => whole[key] === value);
}

/** Claims `data-0`, `data-1`, … of one StatefulSet start at neighbouring segments, so that they spread. */
function startFor(claimName: string, count: number): number {
  const [, stem = claimName, index = '0'] = /^(.*)-(\d{1,9})$/.exec(claimName) ?? [];
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(stem)) hash = Math.imul(hash, 0x01000193) ^ byte;
  return ((hash >>> 0) + Number(index)) % count;
}
