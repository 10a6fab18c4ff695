import { ownMember } from '@berth/kit';
import { type Node, type Pod, type PodAffinityTerm, Selector } from '@berth/kube';
import type { Reasons } from './filters.ts';
import type { NodeInfo } from './node-info.ts';

/** Labels of a namespace by its name. */
export type NamespaceLabels = (name: string) => Readonly<Record<string, string>> | undefined;

/** A term with its selectors made once: what pods it means, and across what it counts them. */
interface Term {
  readonly topologyKey: string;
  readonly matches: (pod: Pod) => boolean;
}

/** `key value` → how many. */
type Counts = Map<string, number>;

/** Where one pod may go by its own and others' affinity to pods (plugins/interpodaffinity); counted once a decision. */
export class PodAffinity {
  readonly #pod: Pod;
  readonly #labelsOf: NamespaceLabels;
  readonly #together: readonly Term[];
  readonly #apart: readonly Term[];
  readonly #preferred: readonly (Term & { readonly weight: number })[];
  readonly #besides: Counts;
  readonly #against: Counts;
  readonly #refusedBy: Counts;
  readonly #wishes: Counts;

  constructor(pod: Pod, nodes: readonly NodeInfo[], labelsOf: NamespaceLabels) {
    this.#pod = pod;
    this.#labelsOf = labelsOf;
    const { podAffinity, podAntiAffinity } = pod.spec?.affinity ?? {};
    const term = (one: PodAffinityTerm) => termOf(one, pod, labelsOf);
    this.#together = (podAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []).map(term);
    this.#apart = requiredApart(pod).map(term);
    this.#preferred = [
      ...(podAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map((one) => [one, 1] as const),
      ...(podAntiAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map((one) => [one, -1] as const),
    ].map(([{ weight, podAffinityTerm }, sign]) => ({ ...term(podAffinityTerm), weight: weight * sign }));
    this.#besides = count(nodes, this.#together, (_, other) => (this.#isFriend(other) ? 1 : 0));
    this.#against = count(nodes, this.#apart, ({ matches }, other) => (matches(other) ? 1 : 0));
    this.#wishes = count(nodes, this.#preferred, ({ matches, weight }, other) => (matches(other) ? weight : 0));
    this.#refusedBy = refusals(pod, nodes, labelsOf);
  }

  refuse({ node }: NodeInfo): Reasons {
    const labels = node?.metadata.labels ?? {};
    const at = (counts: Counts, { topologyKey }: Term) =>
      counts.get(`${topologyKey} ${ownMember(labels, topologyKey)}`) ?? 0;
    if (!this.#together.every(({ topologyKey }) => Object.hasOwn(labels, topologyKey)))
      return ["node(s) didn't match pod affinity rules"];
    if (!this.#together.every((term) => at(this.#besides, term) > 0) && !this.#isFirstOfItsKind())
      return ["node(s) didn't match pod affinity rules"];
    if (this.#apart.some((term) => at(this.#against, term) > 0))
      return ["node(s) didn't match pod anti-affinity rules"];
    if (Object.entries(labels).some(([key, value]) => this.#refusedBy.has(`${key} ${value}`)))
      return ["node(s) didn't satisfy existing pods anti-affinity rules"];
    return [];
  }

  /** Counts as if a pod had come to the node (1) or gone from it (-1); for {@link refuse} alone. */
  shift(node: Node, other: Pod, sign: 1 | -1): void {
    tally(this.#besides, { node, terms: this.#together }, () => (this.#isFriend(other) ? sign : 0));
    tally(this.#against, { node, terms: this.#apart }, ({ matches }) => (matches(other) ? sign : 0));
    const terms = requiredApart(other).map((one) => termOf(one, other, this.#labelsOf));
    tally(this.#refusedBy, { node, terms }, ({ matches }) => (matches(this.#pod) ? sign : 0));
  }

  /** Points in 0…100 for each of the nodes that can take it, by what it prefers. */
  scores(nodes: readonly NodeInfo[]): number[] {
    const raw = nodes.map(({ node }) =>
      this.#preferred.reduce((sum, { topologyKey }, index, all) => {
        const first = all.findIndex((one) => one.topologyKey === topologyKey) === index;
        const value = ownMember(node?.metadata.labels, topologyKey);
        return first && value !== undefined ? sum + (this.#wishes.get(`${topologyKey} ${value}`) ?? 0) : sum;
      }, 0),
    );
    const [low, high] = [Math.min(...raw), Math.max(...raw)];
    return raw.map((one) => (high === low ? 0 : (100 * (one - low)) / (high - low)));
  }

  /** A pod counts for affinity where it matches every term, for anti-affinity where it matches one. */
  #isFriend(other: Pod): boolean {
    return this.#together.every(({ matches }) => matches(other));
  }

  /** The first pod of a group that wants to be together has nobody to join yet. */
  #isFirstOfItsKind(): boolean {
    return this.#besides.size === 0 && this.#together.every(({ matches }) => matches(this.#pod));
  }
}

function requiredApart(pod: Pod): readonly PodAffinityTerm[] {
  return pod.spec?.affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? [];
}

/** True where a pod keeps others away: it has to be looked at for every pod that comes. */
export function keepsOthersAway(pod: Pod): boolean {
  return requiredApart(pod).length > 0;
}

function termOf(term: PodAffinityTerm, owner: Pod, labelsOf: NamespaceLabels): Term {
  const selector = Selector.fromObject(term.labelSelector);
  const { namespaces = [], namespaceSelector, topologyKey } = term;
  const spaces = namespaceSelector && Selector.fromObject(namespaceSelector);
  const own = namespaces.length === 0 && !spaces ? owner.metadata.namespace : undefined;
  const inNamespace = (name: string) =>
    name === own || namespaces.includes(name) || (spaces?.matches(labelsOf(name)) ?? false);
  return {
    topologyKey,
    matches: ({ metadata }) => inNamespace(metadata.namespace ?? '') && selector.matches(metadata.labels),
  };
}

function count<T extends Term>(nodes: readonly NodeInfo[], terms: readonly T[], worth: (term: T, pod: Pod) => number) {
  const counts = new Map<string, number>();
  if (terms.length === 0) return counts;
  for (const { node, pods } of nodes) {
    if (!node) continue;
    for (const pod of pods) tally(counts, { node, terms }, (term) => worth(term, pod));
  }
  return counts;
}

/** Domains from which pods that are there already keep this one away. */
function refusals(pod: Pod, nodes: readonly NodeInfo[], labelsOf: NamespaceLabels): Counts {
  const counts = new Map<string, number>();
  for (const { node, keepers } of nodes) {
    if (!node) continue;
    for (const keeper of keepers) {
      const terms = requiredApart(keeper).map((one) => termOf(one, keeper, labelsOf));
      tally(counts, { node, terms }, ({ matches }) => (matches(pod) ? 1 : 0));
    }
  }
  return counts;
}

/** Adds what each term is worth to its domain that the node is in. */
function tally<T extends Term>(
  counts: Counts,
  { node, terms }: { node: Node; terms: readonly T[] },
  worth: (term: T) => number,
): void {
  for (const term of terms) {
    const value = ownMember(node.metadata.labels, term.topologyKey);
    const points = value === undefined ? 0 : worth(term);
    if (points === 0) continue;
    const key = `${term.topologyKey} ${value}`;
    const sum = (counts.get(key) ?? 0) + points;
    if (sum === 0) counts.delete(key);
    else counts.set(key, sum);
  }
}
