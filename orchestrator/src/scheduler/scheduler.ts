import { type Clock, isAbort, type Logger, messageOf } from '@berth/kit';
import {
  type EventRecorder,
  type Informer,
  type Informers,
  isConflict,
  isNotFound,
  type KubeClient,
  keyOf,
  type PersistentVolumeClaim,
  type Pod,
  resources,
} from '@berth/kube';
import { bindVolumes } from './bind-volumes.ts';
import { ClaimWatch } from './claim-watch.ts';
import { ClusterState, hasEnded } from './cluster-state.ts';
import { fitErrorMessage, preFilterMessage, type Refusal, refusalOf } from './fit-error.ts';
import { Fitting } from './fitting.ts';
import { type Neighbourhood, Neighbours, neighbourhoodOf } from './neighbours.ts';
import type { NodeInfo } from './node-info.ts';
import { Nominations } from './nominations.ts';
import { claimKeys, isUsable } from './pod-claims.ts';
import { priorityOf } from './pod-importance.ts';
import { Preemptor } from './preemptor.ts';
import type { SchedulerMetrics } from './scheduler-metrics.ts';
import { SchedulingQueue } from './scheduling-queue.ts';
import { score } from './scores.ts';
import { writeUnschedulable } from './unschedulable.ts';
import { VolumeBinding, type VolumeDecision } from './volume-binding.ts';

export interface SchedulerOptions {
  readonly client: KubeClient;
  readonly informers: Informers;
  readonly clock: Clock;
  readonly log: Logger;
  readonly events: EventRecorder;
  readonly metrics: SchedulerMetrics;
}

/** The name pods ask for by `spec.schedulerName`. */
export const schedulerName = 'default-scheduler';

/** How long decisions take of one turn of the event loop, which has the API server's requests to answer, too. */
const turnMs = 10;

interface Place {
  readonly node: NodeInfo;
  readonly volumes: VolumeDecision;
}

/** Why no node takes a pod, and the node it is nominated to from now on: none where it is `undefined`, as before where it is not told. */
interface NoPlace {
  readonly message: string;
  readonly nominate?: string | undefined;
}

/** Starts kube-scheduler's loop: one decision at a time, bindings beside each other. */
export async function startScheduler(options: SchedulerOptions, signal: AbortSignal): Promise<AsyncDisposable> {
  const scheduler = new Scheduler(options, signal);
  await options.informers.whenSynced(signal);
  scheduler.start();
  return scheduler;
}

class Scheduler implements AsyncDisposable {
  readonly #options: SchedulerOptions;
  readonly #signal: AbortSignal;
  readonly #state = new ClusterState();
  readonly #volumes: VolumeBinding;
  readonly #queue: SchedulingQueue;
  readonly #pods;
  readonly #claimWatch: ClaimWatch;
  readonly #neighbourhood: Neighbourhood;
  readonly #nominations = new Nominations();
  readonly #preemptor: Preemptor;
  /** Pods whose volumes are waited for: they can still be held back. */
  readonly #preparing = new Map<string, AbortController>();
  readonly #bindings = new Set<Promise<void>>();
  /** Parked pods that another pod's coming may help. */
  readonly #waitingForPods = new Set<string>();
  #running = false;
  #scheduled = false;

  constructor(options: SchedulerOptions, signal: AbortSignal) {
    this.#options = options;
    this.#signal = signal;
    const { informers, clock } = options;
    const listers = {
      claims: informers.of(resources.persistentvolumeclaims),
      volumes: informers.of(resources.persistentvolumes),
      classes: informers.of(resources.storageclasses),
      capacities: informers.of(resources.csistoragecapacities),
      drivers: informers.of(resources.csidrivers),
      csiNodes: informers.of(resources.csinodes),
    };
    listers.volumes.addIndex('class', (volume) => [volume.spec?.storageClassName ?? '']);
    this.#volumes = new VolumeBinding(listers);
    this.#queue = new SchedulingQueue(clock, () => this.#wake());
    this.#pods = informers.of(resources.pods);
    this.#pods.addIndex('claim', (pod) => (hasEnded(pod) ? [] : claimKeys(pod).map(({ key }) => key)));
    this.#claimWatch = new ClaimWatch(listers.claims);
    this.#neighbourhood = neighbourhoodOf(informers);
    this.#preemptor = new Preemptor({
      ...options,
      budgets: informers.of(resources.poddisruptionbudgets),
      nominations: this.#nominations,
      holdBack: (uid, why) => this.#holdBack(uid, why),
      failed: (key) => this.#queue.activateNow(key),
    });
    this.#follow(listers);
    options.metrics.follow(() => ({ pending: this.#queue.size, cached: this.#state.size }));
  }

  start(): void {
    this.#running = true;
    this.#wake();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#running = false;
    this.#queue[Symbol.dispose]();
    await Promise.allSettled(this.#bindings);
  }

  #follow({ claims, volumes, classes, capacities, csiNodes }: VolumeInformers): void {
    this.#pods.onChange((key, { before, after }) => this.#podChanged(key, before, after));
    this.#options.informers.of(resources.nodes).onChange((name, { after }) => {
      this.#state.setNode(name, after);
      this.#queue.clusterChanged();
    });
    claims.onChange((key, { before, after }) => {
      const isThere = after !== undefined && (before === undefined || (isUsable(after) && !isUsable(before)));
      for (const pod of this.#pods.byIndex('claim', key)) {
        if (pod.spec?.nodeName) continue;
        // What a provisioner gave back is no news worth skipping the back-off for: it would be tried without end.
        if (isThere) this.#queue.activateNow(keyOf(pod));
        else this.#queue.reconsider(keyOf(pod));
      }
    });
    for (const informer of [volumes, classes, capacities, csiNodes])
      informer.onChange(() => this.#queue.clusterChanged());
  }

  #podChanged(key: string, before: Pod | undefined, after: Pod | undefined): void {
    const uid = (after ?? before)?.metadata.uid as string;
    if (before && before.metadata.uid !== uid) this.#state.setPod(before.metadata.uid as string, undefined);
    const takesLess = this.#state.setPod(uid, after);
    this.#preemptor.podChanged(uid, after);
    this.#followNomination(uid, before, after);
    if (after && isOurs(after) && !this.#state.isAssumed(uid)) {
      // Its own status writes come back here; only a pod that is new or whose spec changed is tried at once.
      if (before && before.metadata.uid === uid && before.metadata.generation === after.metadata.generation) return;
      return this.#queue.add(key, priorityOf(after), Date.parse(after.metadata.creationTimestamp ?? ''));
    }
    if (!after || !isOurs(after)) this.#queue.remove(key);
    if (!after || hasEnded(after)) this.#options.metrics.forget(uid);
    if (after?.spec?.nodeName && !before?.spec?.nodeName) this.#podPlaced();
    if (takesLess || (before?.spec?.nodeName && (!after || hasEnded(after)))) this.#queue.clusterChanged();
  }

  /** Who waits for others that are nominated to a node is tried again when one of them is no longer. */
  #followNomination(uid: string, before: Pod | undefined, after: Pod | undefined): void {
    const waits = after !== undefined && isOurs(after) && !this.#state.isAssumed(uid);
    if (waits) this.#nominations.follow(before, after);
    else this.#nominations.delete(uid);
    const [old, now] = [before?.status?.nominatedNodeName, after?.status?.nominatedNodeName];
    if (old && old !== now && !after?.spec?.nodeName) this.#queue.clusterChanged();
  }

  #podPlaced(): void {
    for (const key of this.#waitingForPods) this.#queue.activateNow(key);
    this.#waitingForPods.clear();
  }

  /** Decisions start in a later turn, so that all changes of one moment are seen together, and give way to others after a while. */
  #wake(): void {
    if (!this.#running || this.#scheduled) return;
    this.#scheduled = true;
    const { clock } = this.#options;
    setImmediate(() => {
      this.#scheduled = false;
      const endMs = clock.monotonicMs() + turnMs;
      for (let key = this.#next(); key !== undefined; key = this.#next()) {
        this.#schedule(key);
        if (clock.monotonicMs() > endMs) return this.#wake();
      }
    });
  }

  #next(): string | undefined {
    return this.#running && !this.#signal.aborted ? this.#queue.pop() : undefined;
  }

  #schedule(key: string): void {
    const pod = this.#pods.get(key);
    if (!pod || !isOurs(pod) || this.#state.isAssumed(pod.metadata.uid as string)) return;
    const { clock, metrics } = this.#options;
    const beganMs = clock.monotonicMs();
    metrics.begun(pod.metadata.uid as string, beganMs);
    const changes = this.#queue.changes;
    const choice = this.#choose(pod);
    const choseMs = clock.monotonicMs() - beganMs;
    metrics.chosen(choseMs);
    if ('message' in choice) {
      metrics.ended('unschedulable', choseMs);
      this.#queue.park(key, changes);
      if (needsOthers(pod)) this.#waitingForPods.add(key);
      return this.#track(this.#reportUnschedulable(pod, choice));
    }
    this.#nominations.delete(pod.metadata.uid as string);
    this.#state.assume(pod, choice.node.name);
    this.#volumes.reserve(choice.volumes);
    this.#track(this.#bind(key, pod, { ...choice, beganMs }));
  }

  #choose(pod: Pod): Place | NoPlace {
    const nodes = this.#state.nodes;
    const claims = this.#volumes.sort(pod);
    if ('refused' in claims) return { message: preFilterMessage(nodes.length, claims.refused), nominate: undefined };
    const neighbours = new Neighbours(pod, nodes, this.#neighbourhood);
    const [volumes, nominations] = [this.#volumes, this.#nominations];
    const placedWith = (claim: string) => this.#placedWith(claim);
    const fitting = new Fitting({ pod, claims, neighbours, volumes, nominations, placedWith });
    const nominated = nodes.find(({ name }) => name === nominations.of(pod.metadata.uid as string));
    const promised = nominated && fitting.on(nominated);
    if (promised && 'decision' in promised) return { node: nominated, volumes: promised.decision };
    const refusals: Refusal[] = [];
    const places: Place[] = [];
    for (const node of nodes) {
      const fit = fitting.on(node);
      if ('decision' in fit) places.push({ node, volumes: fit.decision });
      else refusals.push(refusalOf(fit.reasons, fitting.requests, node));
    }
    const extra = neighbours.scores(places.map(({ node }) => node));
    const points = places.map(({ node }, index) => score(pod, node) + (extra[index] ?? 0));
    return places[points.indexOf(Math.max(...points))] ?? this.#makeRoom(fitting, refusals);
  }

  /** Has pods of less importance go where that helps. */
  #makeRoom(fitting: Fitting, refusals: readonly Refusal[]): NoPlace {
    const { pod } = fitting;
    const uid = pod.metadata.uid as string;
    const { metrics } = this.#options;
    metrics.preempting();
    const answer = this.#preemptor.preempt(fitting, refusals, this.#nominations.of(uid));
    if ('victims' in answer) {
      const { victims } = answer;
      metrics.preempted(victims.pods.length);
      this.#nominations.set(pod, victims.node);
      this.#track(this.#preemptor.evict(pod, victims, this.#signal));
      return { message: fitErrorMessage(refusals), nominate: victims.node };
    }
    const message = fitErrorMessage(refusals, answer.message);
    if (!answer.isHopeless) return { message };
    this.#nominations.delete(uid);
    return { message, nominate: undefined };
  }

  #placedWith(claim: string): Pod[] {
    return this.#pods.byIndex('claim', claim).filter(({ metadata }) => this.#state.isPlaced(metadata.uid as string));
  }

  async #bind(key: string, pod: Pod, { node, volumes, beganMs }: Place & { beganMs: number }): Promise<void> {
    const { client, clock, events, log, metrics } = this.#options;
    const ref = { namespace: pod.metadata.namespace, name: pod.metadata.name as string };
    try {
      await this.#prepare(pod, { node, volumes });
      const target = { apiVersion: 'v1', kind: 'Node', name: node.name };
      const body = { apiVersion: 'v1', kind: 'Binding', metadata: { ...ref, uid: pod.metadata.uid }, target };
      await client.createSub(resources.pods, ref, 'binding', body, this.#signal);
      const nowMs = clock.monotonicMs();
      metrics.ended('scheduled', nowMs - beganMs);
      metrics.bound(pod.metadata.uid as string, nowMs);
      events.event(pod, 'Normal', 'Scheduled', `Successfully assigned ${keyOf(pod)} to ${node.name}`, {
        action: 'Binding',
      });
    } catch (error) {
      this.#state.forget(pod);
      if (this.#signal.aborted || isAbort(error) || isNotFound(error)) return;
      metrics.ended('error', clock.monotonicMs() - beganMs);
      log[isConflict(error) ? 'debug' : 'warn']('binding failed', { pod: key, node: node.name, error });
      // The room it held is free for others meanwhile.
      this.#queue.clusterChanged();
      this.#queue.retryLater(key);
      const failure = { message: messageOf(error), reason: 'SchedulerError', nominate: undefined };
      await this.#reportUnschedulable(this.#pods.get(key) ?? pod, failure);
    } finally {
      this.#volumes.unreserve(volumes);
    }
  }

  /** Says where it will go, and waits for its volumes (PreBind). */
  async #prepare(pod: Pod, { node, volumes }: Place): Promise<void> {
    const { client, clock } = this.#options;
    const { namespace, name = '', uid = '' } = pod.metadata;
    const held = new AbortController();
    const signal = AbortSignal.any([this.#signal, held.signal]);
    this.#preparing.set(uid, held);
    try {
      if (volumes.bind.length + volumes.provision.length > 0) {
        const patch = { metadata: { uid }, status: { nominatedNodeName: node.name } };
        const status = { subresource: 'status' } as const;
        await client.patch(resources.pods, { namespace, name }, { type: 'strategic', patch }, status, signal);
      }
      await bindVolumes(volumes, node.name, { client, clock, claims: this.#claimWatch }, signal);
    } finally {
      this.#preparing.delete(uid);
    }
  }

  /** Keeps a pod from the node it is on the way to, as long as nobody else knows of that. */
  #holdBack(uid: string, why: string): boolean {
    const held = this.#preparing.get(uid);
    held?.abort(new Error(why));
    return held !== undefined;
  }

  #reportUnschedulable(
    pod: Pod,
    { reason = 'Unschedulable', ...failure }: NoPlace & { reason?: string },
  ): Promise<void> {
    this.#options.events.event(pod, 'Warning', 'FailedScheduling', failure.message, { action: 'Scheduling' });
    return writeUnschedulable(pod, { reason, ...failure }, this.#options, this.#signal);
  }

  #track(work: Promise<void>): void {
    this.#bindings.add(work);
    void work.finally(() => this.#bindings.delete(work));
  }
}

interface VolumeInformers {
  readonly claims: Pick<Informer<PersistentVolumeClaim>, 'onChange'>;
  readonly volumes: { onChange(handler: () => void): Disposable };
  readonly classes: { onChange(handler: () => void): Disposable };
  readonly capacities: { onChange(handler: () => void): Disposable };
  readonly csiNodes: { onChange(handler: () => void): Disposable };
}

/** Pods that come, not only pods that go, can make a place for it. */
function needsOthers({ spec }: Pod): boolean {
  return spec?.affinity?.podAffinity !== undefined || (spec?.topologySpreadConstraints ?? []).length > 0;
}

function isOurs(pod: Pod): boolean {
  const wants = !pod.spec?.nodeName && (pod.spec?.schedulerName ?? schedulerName) === schedulerName;
  return wants && !hasEnded(pod) && !pod.metadata.deletionTimestamp && !pod.spec?.schedulingGates?.length;
}
