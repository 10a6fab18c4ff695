import { ownMember } from '@berth/kit';
import { type LabelSelector, type Pod, Selector, type Service, type TopologySpreadConstraint } from '@berth/kube';
import { matchesAffinity } from '../pod-placement.ts';
import type { Reasons } from './filters.ts';
import type { NodeInfo } from './node-info.ts';

/** What tells which pods belong together where a pod has no constraints of its own. */
export interface Groups {
  /** Services of a namespace. */
  readonly services: (namespace: string) => readonly Service[];
  /** The selector of the workload that controls the pod. */
  readonly ownerSelector: (pod: Pod) => LabelSelector | undefined;
}

interface Constraint {
  readonly key: string;
  readonly maxSkew: number;
  readonly hard: boolean;
  readonly minDomains: number;
  readonly matches: (pod: Pod) => boolean;
  /** Matching pods by the key's value, over the nodes that count. */
  readonly counts: Map<string, number>;
}

/** The cluster's own constraints (PodTopologySpread, List defaulting: System). */
const defaults = [
  { topologyKey: 'kubernetes.io/hostname', maxSkew: 3, whenUnsatisfiable: 'ScheduleAnyway' },
  { topologyKey: 'topology.kubernetes.io/zone', maxSkew: 5, whenUnsatisfiable: 'ScheduleAnyway' },
];

/** How one pod's group is spread, and where it may or should go for that (plugins/podtopologyspread); counted once a decision. */
export class TopologySpread {
  readonly #constraints: readonly Constraint[];
  readonly #pod: Pod;

  constructor(pod: Pod, nodes: readonly NodeInfo[], groups: Groups) {
    this.#pod = pod;
    const own = pod.spec?.topologySpreadConstraints ?? [];
    this.#constraints = own.length > 0 ? own.map((one) => constraintOf(one, pod)) : defaultsFor(pod, groups);
    for (const info of this.#constraints.length > 0 ? nodes.filter((one) => counts(pod, one)) : []) {
      for (const constraint of this.#constraints) countNode(constraint, info);
    }
  }

  /** Counts as if a pod had come to the node (1) or gone from it (-1). */
  shift(info: NodeInfo, other: Pod, sign: 1 | -1): void {
    if (this.#constraints.length === 0 || other.metadata.deletionTimestamp || !counts(this.#pod, info)) return;
    for (const { key, matches, counts: all } of this.#constraints) {
      const value = ownMember(info.node?.metadata.labels, key);
      if (value !== undefined && matches(other)) all.set(value, (all.get(value) ?? 0) + sign);
    }
  }

  refuse({ node }: NodeInfo): Reasons {
    for (const { key, maxSkew, minDomains, counts: all, matches } of this.#constraints.filter(({ hard }) => hard)) {
      const value = ownMember(node?.metadata.labels, key);
      if (value === undefined) return ["node(s) didn't match pod topology spread constraints (missing required label)"];
      const least = all.size < minDomains ? 0 : Math.min(...all.values());
      const next = (all.get(value) ?? 0) + (matches(this.#pod) ? 1 : 0);
      if (next - least > maxSkew) return ["node(s) didn't match pod topology spread constraints"];
    }
    return [];
  }

  /** Points in 0…100 for each of the nodes that can take it: more where fewer of its group are. */
  scores(nodes: readonly NodeInfo[]): number[] {
    const soft = this.#constraints.filter(({ hard }) => !hard);
    if (soft.length === 0) return nodes.map(() => 0);
    const crowded = nodes.map(({ node }) =>
      soft.reduce((sum, { key, maxSkew, counts: all }) => {
        const value = ownMember(node?.metadata.labels, key);
        if (value === undefined) return sum;
        return sum + (all.get(value) ?? 0) * Math.log(all.size + 2) + (maxSkew - 1);
      }, 0),
    );
    const [low, high] = [Math.min(...crowded), Math.max(...crowded)];
    return crowded.map((one) => (high === 0 ? 100 : (100 * (high + low - one)) / high));
  }
}

/** Nodes the pod's own node selector rules out do not count (nodeAffinityPolicy Honor). */
function counts(pod: Pod, { node }: NodeInfo): boolean {
  return node !== undefined && matchesAffinity(pod, node);
}

function countNode({ key, matches, counts: all }: Constraint, { node, pods }: NodeInfo): void {
  const value = ownMember(node?.metadata.labels, key);
  if (value === undefined) return;
  let found = all.get(value) ?? 0;
  for (const pod of pods) if (pod.metadata.deletionTimestamp === undefined && matches(pod)) found++;
  all.set(value, found);
}

function constraintOf(
  { topologyKey, maxSkew, whenUnsatisfiable, minDomains = 1, labelSelector, matchLabelKeys }: TopologySpreadConstraint,
  { metadata: { namespace, labels } }: Pod,
): Constraint {
  const selector = Selector.fromObject(labelSelector);
  const same = matchLabelKeys ?? [];
  return {
    key: topologyKey,
    maxSkew,
    hard: whenUnsatisfiable !== 'ScheduleAnyway',
    minDomains,
    matches: ({ metadata: other }) =>
      other.namespace === namespace &&
      selector.matches(other.labels) &&
      same.every((key) => [undefined, ownMember(other.labels, key)].includes(ownMember(labels, key))),
    counts: new Map(),
  };
}

/** A pod without constraints spreads with those its Services and its controller select (helper.DefaultSelector). */
function defaultsFor(pod: Pod, { services, ownerSelector }: Groups): Constraint[] {
  const { namespace = '', labels } = pod.metadata;
  const selecting = services(namespace).filter(
    ({ spec }) =>
      spec?.selector && Object.keys(spec.selector).length > 0 && Selector.fromSet(spec.selector).matches(labels),
  );
  const owner = ownerSelector(pod);
  if (selecting.length === 0 && !owner) return [];
  const merged = Object.assign({}, ...selecting.map(({ spec }) => spec?.selector), owner?.matchLabels) as Record<
    string,
    string
  >;
  const labelSelector = { matchLabels: merged, matchExpressions: owner?.matchExpressions ?? [] };
  return defaults.map((each) => constraintOf({ ...each, labelSelector }, pod));
}
