import type { Pod } from '@berth/kube';
import { type Reasons, refuse } from './filters.ts';
import type { Neighbours } from './neighbours.ts';
import type { NodeInfo } from './node-info.ts';
import type { Nominations } from './nominations.ts';
import type { PodClaims } from './pod-claims.ts';
import { priorityOf } from './pod-importance.ts';
import { podRequests, type Resources } from './pod-requests.ts';
import { type Gone, Trial } from './trial.ts';
import type { NodeVolumes, VolumeBinding } from './volume-binding.ts';

export interface FittingOptions {
  readonly pod: Pod;
  readonly claims: PodClaims;
  readonly neighbours: Neighbours;
  readonly volumes: VolumeBinding;
  readonly nominations: Nominations;
  /** Pods with a node, or on the way to one, that use a claim. */
  readonly placedWith: (claim: string) => readonly Pod[];
}

const taken =
  'node(s) unavailable due to PersistentVolumeClaim with ReadWriteOncePod access mode already in-use by another pod';

/** Where one pod can go, as one decision sees the cluster. */
export class Fitting {
  readonly requests: Resources;
  readonly #options: FittingOptions;

  constructor(options: FittingOptions) {
    this.#options = options;
    this.requests = podRequests(options.pod);
  }

  get pod(): Pod {
    return this.#options.pod;
  }

  /** Tries what is when pods go from a node, until it is disposed of. */
  trial(info: NodeInfo): Trial {
    return new Trial(info, this.#options.neighbours);
  }

  /** On a node, or in a trial of one: beside the pods of no less importance that are nominated to it, and without them (RunFilterPluginsWithNominatedPods). */
  on(info: NodeInfo, gone: Gone = nobody): NodeVolumes {
    const { nominations, pod } = this.#options;
    const before = nominations
      .on(info.name)
      .filter((one) => one.metadata.uid !== pod.metadata.uid && priorityOf(one) >= priorityOf(pod));
    if (before.length > 0) {
      using crowded = this.trial(info);
      for (const one of before) crowded.add(one);
      const fit = this.#alone(crowded.info, gone);
      if ('reasons' in fit) return fit;
    }
    return this.#alone(info, gone);
  }

  #alone(info: NodeInfo, gone: Gone): NodeVolumes {
    const { pod, claims, neighbours, volumes, placedWith } = this.#options;
    const reasons = refuse({ pod, requests: this.requests }, info);
    if (reasons.length > 0 || !info.node) return { reasons };
    const staying = (claim: string) => placedWith(claim).filter(({ metadata }) => !gone.has(metadata.uid as string));
    if (volumes.isTakenByAnother(pod, claims, staying)) return { reasons: [taken] };
    if (volumes.exceedsLimit(pod, info.node, info.pods)) return { reasons: ['node(s) exceed max volume count'] };
    const fit = volumes.filter(claims, info.node);
    if ('reasons' in fit) return fit;
    const kept: Reasons = neighbours.refuse(info);
    return kept.length > 0 ? { reasons: kept } : fit;
  }
}

const nobody: Gone = new Set();
