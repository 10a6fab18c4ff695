import type { Node, Pod } from '@berth/kube';
import { keepsOthersAway } from './pod-affinity.ts';
import { priorityOf } from './pod-importance.ts';
import { add, assumedPodRequests, parseResources, podRequests, type Resources, subtract } from './pod-requests.ts';

/** A pod with what it takes, which is read from it once. */
export interface PlacedPod {
  readonly pod: Pod;
  readonly requests: Resources;
  readonly assumed: Resources;
}

export function placedPod(pod: Pod): PlacedPod {
  return { pod, requests: podRequests(pod), assumed: assumedPodRequests(pod) };
}

/** A node with what its pods take of it; kept up to date as pods come and go, never summed anew. */
export class NodeInfo {
  readonly name: string;
  node: Node | undefined;
  allocatable: Resources = {};
  requested: Resources = {};
  /** Like `requested`, with upstream's assumptions for pods that ask for nothing: for scoring. */
  assumedRequested: Resources = {};
  readonly #pods = new Map<string, PlacedPod>();
  readonly #keepers = new Map<string, Pod>();
  /** How many of its pods have a priority. */
  readonly #priorities = new Map<number, number>();

  constructor(name: string) {
    this.name = name;
  }

  setNode(node: Node | undefined): void {
    this.node = node;
    this.allocatable = parseResources(node?.status?.allocatable ?? node?.status?.capacity);
  }

  get pods(): Iterable<Pod> {
    return this.#pods.values().map((placed) => placed.pod);
  }

  /** Its pods that keep others away by anti-affinity. */
  get keepers(): Iterable<Pod> {
    return this.#keepers.values();
  }

  get podCount(): number {
    return this.#pods.size;
  }

  /** Whether it has pods of less importance than this. */
  hasPodsBelow(priority: number): boolean {
    return this.#priorities.keys().some((each) => each < priority);
  }

  /** One like it, to try on it what happens with other pods. */
  copy(): NodeInfo {
    const copy = new NodeInfo(this.name);
    const { node, allocatable, requested, assumedRequested } = this;
    Object.assign(copy, { node, allocatable, requested, assumedRequested });
    for (const [uid, placed] of this.#pods) copy.#pods.set(uid, placed);
    for (const [uid, keeper] of this.#keepers) copy.#keepers.set(uid, keeper);
    for (const [priority, count] of this.#priorities) copy.#priorities.set(priority, count);
    return copy;
  }

  addPod(placed: PlacedPod): void {
    const { pod } = placed;
    this.removePod(pod.metadata.uid as string);
    this.#pods.set(pod.metadata.uid as string, placed);
    if (keepsOthersAway(pod)) this.#keepers.set(pod.metadata.uid as string, pod);
    this.#count(pod, 1);
    this.requested = add(this.requested, placed.requests);
    this.assumedRequested = add(this.assumedRequested, placed.assumed);
  }

  /** @returns what {@link addPod} brings back. */
  removePod(uid: string): PlacedPod | undefined {
    const placed = this.#pods.get(uid);
    if (!placed) return undefined;
    this.#pods.delete(uid);
    this.#keepers.delete(uid);
    this.#count(placed.pod, -1);
    this.requested = subtract(this.requested, placed.requests);
    this.assumedRequested = subtract(this.assumedRequested, placed.assumed);
    return placed;
  }

  #count(pod: Pod, change: number): void {
    const priority = priorityOf(pod);
    const count = (this.#priorities.get(priority) ?? 0) + change;
    if (count === 0) this.#priorities.delete(priority);
    else this.#priorities.set(priority, count);
  }
}
