import type { Pod } from '@berth/kube';
import type { Neighbours } from './neighbours.ts';
import { type NodeInfo, type PlacedPod, placedPod } from './node-info.ts';

/** Uids of pods that are thought away. */
export type Gone = Pick<ReadonlySet<string>, 'has'>;

/** What if pods came to a node, or went: a copy of it, and the neighbours counted so until this is disposed of. */
export class Trial implements Disposable {
  readonly info: NodeInfo;
  readonly #neighbours: Neighbours;
  readonly #come: Pod[] = [];
  readonly #gone = new Map<string, PlacedPod>();

  constructor(info: NodeInfo, neighbours: Neighbours) {
    this.info = info.copy();
    this.#neighbours = neighbours;
  }

  /** Pods of the node that are not there in this trial. */
  get gone(): Gone {
    return this.#gone;
  }

  /** One comes that is not the node's. */
  add(pod: Pod): void {
    this.#come.push(pod);
    this.info.addPod(placedPod(pod));
    this.#neighbours.shift(this.info, pod, 1);
  }

  /** One of the node's goes. */
  remove(pod: Pod): void {
    const uid = pod.metadata.uid as string;
    const placed = this.info.removePod(uid);
    if (!placed) return;
    this.#gone.set(uid, placed);
    this.#neighbours.shift(this.info, pod, -1);
  }

  /** One that went comes back. */
  restore(pod: Pod): void {
    const uid = pod.metadata.uid as string;
    const placed = this.#gone.get(uid);
    if (!placed) return;
    this.#gone.delete(uid);
    this.info.addPod(placed);
    this.#neighbours.shift(this.info, pod, 1);
  }

  [Symbol.dispose](): void {
    for (const { pod } of this.#gone.values()) this.#neighbours.shift(this.info, pod, 1);
    for (const pod of this.#come) this.#neighbours.shift(this.info, pod, -1);
  }
}
