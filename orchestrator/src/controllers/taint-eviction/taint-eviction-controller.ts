import {
  type Informer,
  keyOf,
  type Node,
  type ObjectKey,
  type Pod,
  resources,
  splitKey,
  type Taint,
} from '@berth/kube';
import { deleteDisrupted } from '../../pod-disruption.ts';
import { type ControllerDeps, RunningController } from '../controller-deps.ts';
import { stayMs } from './stay.ts';

const why = {
  reason: 'DeletionByTaintManager',
  message: 'Taint manager: deleting due to NoExecute taint',
};

/** Deletes pods from nodes with NoExecute taints that they do not tolerate, or no longer (pkg/controller/tainteviction). */
export function startTaintEvictionController(deps: ControllerDeps, signal: AbortSignal): AsyncDisposable {
  const pods = deps.informers.of(resources.pods);
  const nodes = deps.informers.of(resources.nodes);
  const evictions = new Evictions(deps, { pods, nodes }, signal);
  const name = 'taint-eviction';
  const controller = new RunningController(
    deps,
    { name, queueName: 'noexec_taint_pod', reconcile: (key) => evictions.reconcile(key) },
    signal,
  );
  pods.addIndex(byNode, ({ spec }) => (spec?.nodeName ? [spec.nodeName] : []));
  pods.onChange((key, { before, after }) => {
    if (!after || !before || !sameStay(before, after)) controller.queue.add(key);
  });
  nodes.onChange((node, { before, after }) => {
    if (!after || (before && same(taintsOf(before), taintsOf(after)))) return;
    for (const pod of pods.byIndex(byNode, node)) controller.queue.add(keyOf(pod));
  });
  return controller;
}

const byNode = 'taint-eviction/node';

/** An eviction that is to come at a time, or is under way. */
interface Eviction {
  readonly uid: string;
  readonly at: number;
  hasBegun: boolean;
}

class Evictions {
  readonly #deps: ControllerDeps;
  readonly #pods: Informer<Pod>;
  readonly #nodes: Informer<Node>;
  readonly #signal: AbortSignal;
  readonly #known = new Map<ObjectKey, Eviction>();

  constructor(
    deps: ControllerDeps,
    { pods, nodes }: { pods: Informer<Pod>; nodes: Informer<Node> },
    signal: AbortSignal,
  ) {
    this.#deps = deps;
    this.#pods = pods;
    this.#nodes = nodes;
    this.#signal = signal;
  }

  async reconcile(key: ObjectKey): Promise<{ afterMs: number } | undefined> {
    const pod = this.#pods.get(key);
    if (!pod || pod.metadata.uid !== this.#known.get(key)?.uid) this.#cancel(key);
    const node = this.#nodes.get(pod?.spec?.nodeName ?? '');
    if (!pod || !node) return undefined;
    const now = this.#deps.clock.monotonicMs();
    const ms = stayMs(pod.spec?.tolerations, taintsOf(node));
    if (ms === undefined) return this.#cancel(key);
    if (ms === 0) {
      if (this.#known.get(key)?.hasBegun) return undefined;
      this.#cancel(key);
    }
    // What is planned already stays as it is planned.
    const eviction = this.#known.get(key) ?? { uid: pod.metadata.uid as string, at: now + ms, hasBegun: false };
    this.#known.set(key, eviction);
    if (eviction.hasBegun) return undefined;
    if (eviction.at > now) return { afterMs: eviction.at - now };
    await this.#evict(pod, eviction);
    return undefined;
  }

  async #evict(pod: Pod, eviction: Eviction): Promise<void> {
    const key = keyOf(pod);
    eviction.hasBegun = true;
    this.#event(key, `Marking for deletion Pod ${key}`);
    try {
      await deleteDisrupted(pod, why, this.#deps, this.#signal);
    } catch (error) {
      eviction.hasBegun = false;
      throw error;
    }
  }

  #cancel(key: ObjectKey): undefined {
    const eviction = this.#known.get(key);
    if (!eviction) return;
    this.#known.delete(key);
    if (!eviction.hasBegun) this.#event(key, `Cancelling deletion of Pod ${key}`);
  }

  #event(key: ObjectKey, message: string): void {
    const { namespace = '', name } = splitKey(key);
    const about = { apiVersion: 'v1', kind: 'Pod', metadata: { namespace, name } };
    this.#deps.recorder('taint-eviction-controller').event(about, 'Normal', 'TaintManagerEviction', message);
  }
}

function taintsOf({ spec }: Node): Taint[] {
  return (spec?.taints ?? []).filter(({ effect }) => effect === 'NoExecute');
}

function sameStay(before: Pod, after: Pod): boolean {
  const stay = ({ metadata, spec }: Pod) => [metadata.uid, spec?.nodeName, spec?.tolerations ?? []];
  return same(stay(before), stay(after));
}

function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
