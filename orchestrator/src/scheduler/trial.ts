import type { Pod } from '@berth/kube';
import type { Neighbours } from './neighbours.ts';
import type { NodeInfo } from './node-info.ts';

/** What if pods came to a node, or went: a copy of it, and the neighbours counted so until this is disposed of. */
export class Trial implements Disposable {
  readonly info: NodeInfo;
  readonly #neighbours: Neighbours;
  readonly #come = new Map<string, Pod>();
  readonly #gone = new Map<string, Pod>();

  constructor(info: NodeInfo, neighbours: Neighbours) {
    this.info = info.copy();
    this.#neighbours = neighbours;
  }

  /** Pods of the node that are not there in this trial. */
  get gone(): ReadonlySet<string> {
    return new Set(this.#gone.keys());
  }

  /** One comes, or comes back. */
  add(pod: Pod): void {
    const uid = pod.metadata.uid as string;
    if (!this.#gone.delete(uid)) this.#come.set(uid, pod);
    this.info.addPod(pod);
    this.#neighbours.shift(this.info, pod, 1);
  }

  /** One of the node's goes. */
  remove(pod: Pod): void {
    const uid = pod.metadata.uid as string;
    this.#gone.set(uid, pod);
    this.info.removePod(uid);
    this.#neighbours.shift(this.info, pod, -1);
  }

  [Symbol.dispose](): void {
    for (const pod of this.#gone.values()) this.#neighbours.shift(this.info, pod, 1);
    for (const pod of this.#come.values()) this.#neighbours.shift(this.info, pod, -1);
  }
}
