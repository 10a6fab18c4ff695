import type { Pod } from '@berth/kube';

/** Pods that are to go to a node once there is room, with the nodes (scheduler/backend/queue nominator). */
export class Nominations {
  readonly #nodes = new Map<string, string>();
  readonly #pods = new Map<string, Map<string, Pod>>();

  /** Node that a pod is nominated to. */
  of(uid: string): string | undefined {
    return this.#nodes.get(uid);
  }

  /** Pods that are nominated to a node. */
  on(node: string): Pod[] {
    return [...(this.#pods.get(node)?.values() ?? [])];
  }

  set(pod: Pod, node: string): void {
    const uid = pod.metadata.uid as string;
    this.delete(uid);
    this.#nodes.set(uid, node);
    const there = this.#pods.get(node) ?? new Map<string, Pod>();
    this.#pods.set(node, there.set(uid, pod));
  }

  delete(uid: string): void {
    const node = this.#nodes.get(uid);
    if (node === undefined) return;
    this.#nodes.delete(uid);
    const there = this.#pods.get(node);
    there?.delete(uid);
    if (there?.size === 0) this.#pods.delete(node);
  }

  /** A pod that waits for a node, as the API server has it now; what it does not say yet of a nomination made here stays. */
  follow(before: Pod | undefined, after: Pod): void {
    const said = after.status?.nominatedNodeName;
    const node = said || (before?.status?.nominatedNodeName ? undefined : this.of(after.metadata.uid as string));
    if (node) this.set(after, node);
    else this.delete(after.metadata.uid as string);
  }
}
