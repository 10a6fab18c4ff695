import type { Pod } from '@berth/kube';
import type { NodeContext } from '../node-context.ts';
import { qosClassOf } from '../status/pod-qos.ts';
import type { PodVerdict } from '../status/pod-status.ts';
import { admitPod, type NodeRoom } from './admit-pod.ts';
import { findLocalPods } from './find-local-pods.ts';
import { uidOf } from './pod-facts.ts';
import type { PodSource } from './pod-source.ts';
import { PodWorker } from './pod-worker.ts';
import { removeUnstarted } from './remove-unstarted.ts';

/** Resizes that wait are tried again after so long, also where nothing said that there is room (allocation manager retryDelay). */
const retryResizesMs = 180_000;

/** The workers of a node's pods, one each, from the source's first word of a pod until nothing of it is left. */
export class PodWorkers implements AsyncDisposable {
  readonly #node: NodeContext;
  readonly #source: PodSource;
  readonly #room: () => NodeRoom;
  readonly #workers = new Map<string, PodWorker>();
  #subscription: Disposable | undefined;
  #retry: Disposable | undefined;

  constructor(node: NodeContext, source: PodSource, room: () => NodeRoom) {
    this.#node = node;
    this.#source = source;
    this.#room = room;
  }

  /** Follows the source; resolves when it has synced and what no API pod stands for is being ended. */
  async start(signal: AbortSignal): Promise<void> {
    await removeUnstarted(this.#node, signal);
    this.#node.environments.onReady((uid) => this.poke(uid));
    this.#subscription = this.#source.onChange((uid, pod) => this.#change(uid, pod));
    await this.#source.whenSynced(signal);
    await this.#adoptOrphans(signal);
    // Each of them tells of its volumes when it knows what became of its containers; nobody waits for another.
    this.#node.options.volumes.podsSynced(this.#workers.keys());
  }

  get(uid: string): PodWorker | undefined {
    return this.#workers.get(uid);
  }

  /** The pod of that name the API has now, else one that is still ending. */
  findByName(namespace: string, name: string): PodWorker | undefined {
    const named = [...this.#workers.values()].filter(
      ({ state: { pod } }) => pod.metadata.namespace === namespace && pod.metadata.name === name,
    );
    return named.find(({ state }) => this.#source.get(state.uid)) ?? named[0];
  }

  list(): readonly PodWorker[] {
    return [...this.#workers.values()];
  }

  poke(uid: string): void {
    this.#workers.get(uid)?.poke();
  }

  pokeAll(): void {
    for (const worker of this.#workers.values()) worker.poke();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#subscription?.[Symbol.dispose]();
    this.#retry?.[Symbol.dispose]();
    this.#node.environments[Symbol.dispose]();
    await Promise.all([...this.#workers.values()].map((worker) => worker[Symbol.asyncDispose]()));
    this.#workers.clear();
  }

  #change(uid: string, pod: Pod | undefined): void {
    const worker = this.#workers.get(uid);
    if (worker) worker.update(pod);
    else if (pod) this.#add(uid, pod, true).poke();
  }

  #add(uid: string, pod: Pod, inApi: boolean): PodWorker {
    const worker = new PodWorker({
      node: this.#node,
      uid,
      pod,
      inApi,
      admit: (one) => this.#admit(one),
      onRoom: () => this.#resizeWaiting(),
      onFinished: (finished) => this.#finished(finished),
    });
    this.#workers.set(uid, worker);
    return worker;
  }

  #finished(uid: string): void {
    this.#workers.delete(uid);
    this.#node.statuses.forget(uid);
    this.#node.images.forget(uid);
    this.#node.environments.forget(uid);
    this.#node.crashes.forget(`${uid}_`);
    // Its own source had lost sight of it for a while, and it was ended for that.
    const again = this.#source.get(uid);
    if (again) this.#add(uid, again, true).poke();
  }

  /** One after the other, as long as one was given what it asks for: that may have made room for those before it. */
  #resizeWaiting(): void {
    // What they take counts, too.
    if (this.list().some(({ isNew }) => isNew)) return;
    const waiting = this.list().filter(({ waitsForRoom }) => waitsForRoom);
    if (byImportance(waiting).some((worker) => worker.tryResize())) return this.#resizeWaiting();
    this.#retry?.[Symbol.dispose]();
    this.#retry = undefined;
    if (waiting.length === 0) return;
    this.#retry = this.#node.options.clock.schedule(retryResizesMs, () => this.#resizeWaiting());
  }

  #admit(pod: Pod): PodVerdict | undefined {
    const others = this.list().filter((worker) => worker.admitted && worker.state.uid !== uidOf(pod));
    const pods = others.map(({ state }) => state.pod);
    return admitPod(pod, pods, this.#room());
  }

  /** Pods that were deleted while no kubelet ran: this machine still has something of them, the API has not. */
  async #adoptOrphans(signal: AbortSignal): Promise<void> {
    for (const pod of await findLocalPods(this.#node, signal)) {
      if (!this.#workers.has(uidOf(pod))) this.#add(uidOf(pod), pod, false).poke();
    }
  }
}

/** Who is given room first (allocation manager sortPendingResizes). */
function byImportance(workers: readonly PodWorker[]): PodWorker[] {
  const isGuaranteed = ({ state }: PodWorker) => Number(qosClassOf(state.pod) === 'Guaranteed');
  const priority = ({ state }: PodWorker) => state.pod.spec?.priority ?? 0;
  return [...workers].sort((a, b) => priority(b) - priority(a) || isGuaranteed(b) - isGuaranteed(a));
}
