import { type Clock, isAbort, type Logger, messageOf, rfc3339 } from '@berth/kit';
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
import { type Reasons, refuse } from './filters.ts';
import { fitErrorMessage, preFilterMessage, type Refusal, refusalOf } from './fit-error.ts';
import { type Neighbourhood, Neighbours, neighbourhoodOf } from './neighbours.ts';
import type { NodeInfo } from './node-info.ts';
import { claimKeys, isUsable, type PodClaims } from './pod-claims.ts';
import { podRequests } from './pod-requests.ts';
import { SchedulingQueue } from './scheduling-queue.ts';
import { score } from './scores.ts';
import { VolumeBinding, type VolumeDecision } from './volume-binding.ts';

export interface SchedulerOptions {
  readonly client: KubeClient;
  readonly informers: Informers;
  readonly clock: Clock;
  readonly log: Logger;
  readonly events: EventRecorder;
}

/** The name pods ask for by `spec.schedulerName`. */
const schedulerName = 'default-scheduler';

type Choice = { readonly node: NodeInfo; readonly volumes: VolumeDecision } | { readonly message: string };

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
    this.#follow(listers);
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
    this.#state.setPod(uid, after);
    if (after && isOurs(after) && !this.#state.isAssumed(uid)) {
      // Its own status writes come back here; only a pod that is new or whose spec changed is tried at once.
      if (before && before.metadata.uid === uid && before.metadata.generation === after.metadata.generation) return;
      return this.#queue.add(key, after.spec?.priority ?? 0, Date.parse(after.metadata.creationTimestamp ?? ''));
    }
    if (!after || !isOurs(after)) this.#queue.remove(key);
    if (after?.spec?.nodeName && !before?.spec?.nodeName) this.#podPlaced();
    if (before?.spec?.nodeName && (!after || hasEnded(after))) this.#queue.clusterChanged();
  }

  #podPlaced(): void {
    for (const key of this.#waitingForPods) this.#queue.activateNow(key);
    this.#waitingForPods.clear();
  }

  /** Decisions start in a later turn, so that all changes of one moment are seen together. */
  #wake(): void {
    if (!this.#running || this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      for (let key = this.#next(); key !== undefined; key = this.#next()) this.#schedule(key);
    });
  }

  #next(): string | undefined {
    return this.#running && !this.#signal.aborted ? this.#queue.pop() : undefined;
  }

  #schedule(key: string): void {
    const pod = this.#pods.get(key);
    if (!pod || !isOurs(pod) || this.#state.isAssumed(pod.metadata.uid as string)) return;
    const changes = this.#queue.changes;
    const choice = this.#choose(pod);
    if ('message' in choice) {
      this.#queue.park(key, changes);
      if (needsOthers(pod)) this.#waitingForPods.add(key);
      return this.#track(this.#reportUnschedulable(pod, choice.message));
    }
    this.#state.assume(pod, choice.node.name);
    this.#volumes.reserve(choice.volumes);
    this.#track(this.#bind(key, pod, choice));
  }

  #choose(pod: Pod): Choice {
    const nodes = this.#state.nodes;
    const claims = this.#volumes.sort(pod);
    if ('refused' in claims) return { message: preFilterMessage(nodes.length, claims.refused) };
    const neighbours = new Neighbours(pod, nodes, this.#neighbourhood);
    const refusals: Refusal[] = [];
    const fitting: { node: NodeInfo; volumes: VolumeDecision }[] = [];
    for (const node of nodes) {
      const fit = this.#fits(pod, claims, node);
      const reasons = 'decision' in fit ? neighbours.refuse(node) : fit.reasons;
      if ('decision' in fit && reasons.length === 0) fitting.push({ node, volumes: fit.decision });
      else refusals.push(refusalOf(reasons, podRequests(pod), node));
    }
    const extra = neighbours.scores(fitting.map(({ node }) => node));
    const points = fitting.map(({ node }, index) => score(pod, node) + (extra[index] ?? 0));
    return fitting[points.indexOf(Math.max(...points))] ?? { message: fitErrorMessage(nodes.length, refusals) };
  }

  #fits(pod: Pod, claims: PodClaims, info: NodeInfo): { reasons: Reasons } | { decision: VolumeDecision } {
    const reasons = refuse({ pod, requests: podRequests(pod) }, info);
    if (reasons.length > 0 || !info.node) return { reasons };
    const placed = (key: string) =>
      this.#pods.byIndex('claim', key).filter(({ metadata }) => this.#state.isPlaced(metadata.uid as string));
    if (this.#volumes.isTakenByAnother(pod, claims, placed)) {
      return {
        reasons: [
          'node(s) unavailable due to PersistentVolumeClaim with ReadWriteOncePod access mode already in-use by another pod',
        ],
      };
    }
    if (this.#volumes.exceedsLimit(pod, info.node, info.pods)) return { reasons: ['node(s) exceed max volume count'] };
    return this.#volumes.filter(claims, info.node);
  }

  async #bind(key: string, pod: Pod, { node, volumes }: Extract<Choice, { node: NodeInfo }>): Promise<void> {
    const { client, clock, events, log } = this.#options;
    const ref = { namespace: pod.metadata.namespace, name: pod.metadata.name as string };
    try {
      if (volumes.bind.length + volumes.provision.length > 0) {
        const patch = { metadata: { uid: pod.metadata.uid }, status: { nominatedNodeName: node.name } };
        await client.patch(resources.pods, ref, { type: 'strategic', patch }, { subresource: 'status' }, this.#signal);
      }
      await bindVolumes(volumes, node.name, { client, clock, claims: this.#claimWatch }, this.#signal);
      const target = { apiVersion: 'v1', kind: 'Node', name: node.name };
      const body = { apiVersion: 'v1', kind: 'Binding', metadata: { ...ref, uid: pod.metadata.uid }, target };
      await client.createSub(resources.pods, ref, 'binding', body, this.#signal);
      events.event(pod, 'Normal', 'Scheduled', `Successfully assigned ${keyOf(pod)} to ${node.name}`, {
        action: 'Binding',
      });
    } catch (error) {
      this.#state.forget(pod);
      if (this.#signal.aborted || isAbort(error) || isNotFound(error)) return;
      log[isConflict(error) ? 'debug' : 'warn']('binding failed', { pod: key, node: node.name, error });
      // The room it held is free for others meanwhile.
      this.#queue.clusterChanged();
      this.#queue.retryLater(key);
      await this.#reportUnschedulable(pod, messageOf(error), 'SchedulerError');
    } finally {
      this.#volumes.unreserve(volumes);
    }
  }

  async #reportUnschedulable(pod: Pod, message: string, reason = 'Unschedulable'): Promise<void> {
    const { client, clock, events, log } = this.#options;
    events.event(pod, 'Warning', 'FailedScheduling', message, { action: 'Scheduling' });
    const known = pod.status?.conditions?.find(({ type }) => type === 'PodScheduled');
    if (known?.status === 'False' && known.message === message && known.reason === reason) return;
    const lastTransitionTime = known?.status === 'False' ? known.lastTransitionTime : rfc3339(clock.now());
    const condition = {
      type: 'PodScheduled',
      status: 'False',
      reason,
      message,
      lastTransitionTime,
      observedGeneration: pod.metadata.generation,
    };
    const ref = { namespace: pod.metadata.namespace, name: pod.metadata.name as string };
    const patch = { metadata: { uid: pod.metadata.uid }, status: { conditions: [condition] } };
    try {
      await client.patch(resources.pods, ref, { type: 'strategic', patch }, { subresource: 'status' }, this.#signal);
    } catch (error) {
      if (!this.#signal.aborted && !isNotFound(error))
        log.debug('could not write why a pod waits', { pod: keyOf(pod), error });
    }
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
