import type { Node, Pod } from '@berth/kube';
import { NodeInfo, placedPod } from './node-info.ts';

/** Nodes and the pods placed on them: those the API server says, and those just decided but not yet seen back (assumed). */
export class ClusterState {
  readonly #nodes = new Map<string, NodeInfo>();
  readonly #placements = new Map<string, string>();
  readonly #assumed = new Set<string>();

  get nodes(): NodeInfo[] {
    return [...this.#nodes.values()].filter((info) => info.node !== undefined);
  }

  /** How much there is of each. */
  get size(): { readonly assumed_pods: number; readonly nodes: number; readonly pods: number } {
    return { assumed_pods: this.#assumed.size, nodes: this.#nodes.size, pods: this.#placements.size };
  }

  setNode(name: string, node: Node | undefined): void {
    const info = this.#info(name);
    info.setNode(node);
    if (!node && info.podCount === 0) this.#nodes.delete(name);
  }

  /** A pod as the API server has it now; one that ended or is unbound takes nothing. @returns whether it takes less of its node than before. */
  setPod(uid: string, pod: Pod | undefined): boolean {
    const node = pod && !hasEnded(pod) ? pod.spec?.nodeName : undefined;
    if (!node && pod && !hasEnded(pod) && this.#assumed.has(uid)) return false;
    this.#assumed.delete(uid);
    const place = this.#nodes.get(this.#placements.get(uid) ?? '');
    const before = place?.requested ?? {};
    this.#place(uid, node ? pod : undefined, node);
    return Object.entries(before).some(([name, amount]) => (place?.requested[name] ?? 0) < amount);
  }

  /** Takes room for a pod on its way to `node`. */
  assume(pod: Pod, node: string): void {
    const uid = pod.metadata.uid as string;
    this.#assumed.add(uid);
    this.#place(uid, pod, node);
  }

  /** Gives the room back when the way failed. */
  forget(pod: Pod): void {
    const uid = pod.metadata.uid as string;
    if (this.#assumed.delete(uid)) this.#place(uid, undefined, undefined);
  }

  isAssumed(uid: string): boolean {
    return this.#assumed.has(uid);
  }

  /** It has a node or is on the way to one, and has not ended. */
  isPlaced(uid: string): boolean {
    return this.#placements.has(uid);
  }

  #place(uid: string, pod: Pod | undefined, node: string | undefined): void {
    const before = this.#placements.get(uid);
    if (before !== undefined && before !== node) this.#nodes.get(before)?.removePod(uid);
    if (pod && node !== undefined) {
      this.#placements.set(uid, node);
      this.#info(node).addPod(placedPod(pod));
    } else this.#placements.delete(uid);
  }

  #info(name: string): NodeInfo {
    const known = this.#nodes.get(name);
    if (known) return known;
    const info = new NodeInfo(name);
    this.#nodes.set(name, info);
    return info;
  }
}

export function hasEnded(pod: Pod): boolean {
  return pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';
}
