import type { KubeObject, OwnerReference, ResourceType } from '@berth/kube';

/** An object as the collector knows it: enough to decide, nothing of its content. */
export interface GraphNode {
  readonly uid: string;
  readonly type: ResourceType;
  readonly namespace: string | undefined;
  readonly name: string;
  readonly owners: readonly OwnerReference[];
  readonly finalizers: readonly string[];
  readonly isDeleting: boolean;
}

/** Who owns whom, by uid; follows every watch, one step an event. */
export class ObjectGraph {
  readonly #nodes = new Map<string, GraphNode>();
  readonly #dependents = new Map<string, Set<string>>();

  set(type: ResourceType, { metadata }: KubeObject): GraphNode {
    const node: GraphNode = {
      uid: metadata.uid as string,
      type,
      namespace: metadata.namespace,
      name: metadata.name as string,
      owners: metadata.ownerReferences ?? [],
      finalizers: metadata.finalizers ?? [],
      isDeleting: metadata.deletionTimestamp !== undefined,
    };
    this.#unlink(node.uid);
    this.#nodes.set(node.uid, node);
    for (const { uid } of node.owners)
      this.#dependents.set(uid, (this.#dependents.get(uid) ?? new Set()).add(node.uid));
    return node;
  }

  delete(uid: string): void {
    this.#unlink(uid);
    this.#nodes.delete(uid);
  }

  get(uid: string): GraphNode | undefined {
    return this.#nodes.get(uid);
  }

  dependentsOf(uid: string): GraphNode[] {
    return [...(this.#dependents.get(uid) ?? [])].flatMap((dependent) => this.#nodes.get(dependent) ?? []);
  }

  #unlink(uid: string): void {
    for (const owner of this.#nodes.get(uid)?.owners ?? []) {
      const dependents = this.#dependents.get(owner.uid);
      dependents?.delete(uid);
      if (dependents?.size === 0) this.#dependents.delete(owner.uid);
    }
  }
}
