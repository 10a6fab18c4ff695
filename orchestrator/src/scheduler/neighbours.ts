import { controllerOf, type Informers, type LabelSelector, type Pod, resources } from '@berth/kube';
import type { Reasons } from './filters.ts';
import type { NodeInfo } from './node-info.ts';
import { type NamespaceLabels, PodAffinity } from './pod-affinity.ts';
import { type Groups, TopologySpread } from './topology-spread.ts';

export interface Neighbourhood extends Groups {
  readonly namespaceLabels: NamespaceLabels;
}

/** Weights of PodTopologySpread and InterPodAffinity in kube-scheduler's default profile. */
const weight = 2;

/** What the pods that are already placed mean for one that is not. */
export class Neighbours {
  readonly #spread: TopologySpread;
  readonly #affinity: PodAffinity;

  constructor(pod: Pod, nodes: readonly NodeInfo[], neighbourhood: Neighbourhood) {
    this.#spread = new TopologySpread(pod, nodes, neighbourhood);
    this.#affinity = new PodAffinity(pod, nodes, neighbourhood.namespaceLabels);
  }

  /** In upstream's order: spread before affinity. */
  refuse(info: NodeInfo): Reasons {
    const reasons = this.#spread.refuse(info);
    return reasons.length > 0 ? reasons : this.#affinity.refuse(info);
  }

  /** Counts as if a pod had come to the node (1) or gone from it (-1); for {@link refuse} alone. */
  shift(info: NodeInfo, other: Pod, sign: 1 | -1): void {
    this.#spread.shift(info, other, sign);
    if (info.node) this.#affinity.shift(info.node, other, sign);
  }

  /** Points to add for each of `nodes`. */
  scores(nodes: readonly NodeInfo[]): number[] {
    if (nodes.length < 2) return nodes.map(() => 0);
    const spread = this.#spread.scores(nodes);
    const affinity = this.#affinity.scores(nodes);
    return nodes.map((_, index) => weight * ((spread[index] ?? 0) + (affinity[index] ?? 0)));
  }
}

/** Services, workloads and namespaces as the informers know them. */
export function neighbourhoodOf(informers: Informers): Neighbourhood {
  const services = informers.of(resources.services);
  const namespaces = informers.of(resources.namespaces);
  const sets = { StatefulSet: informers.of(resources.statefulsets), ReplicaSet: informers.of(resources.replicasets) };
  return {
    services: (namespace) => services.list(namespace),
    namespaceLabels: (name) => namespaces.get(name)?.metadata.labels,
    ownerSelector: (pod): LabelSelector | undefined => {
      const owner = controllerOf(pod);
      const known = owner?.kind === 'StatefulSet' || owner?.kind === 'ReplicaSet' ? sets[owner.kind] : undefined;
      return known?.get(`${pod.metadata.namespace}/${owner?.name}`)?.spec?.selector;
    },
  };
}
