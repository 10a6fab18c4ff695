import { rfc3339, Turns } from '@berth/kit';
import { isNotFound, isReason, type Pod, resources } from '@berth/kube';
import { resizeEvent } from '../containers/resize-event.ts';
import { type NodeContext, podEvent } from '../node-context.ts';
import { PodProber } from '../probes/pod-prober.ts';
import type { PodVerdict } from '../status/pod-status.ts';
import { reportStatus } from '../status/report-status.ts';
import { allocationOf, isSameAllocation, pendingOf, withAllocation } from './allocated-pod.ts';
import { AllocationRecord } from './allocation-record.ts';
import { removeFromRuntime, removePodCgroup, removePodFiles } from './clean-up-pod.ts';
import { killPod } from './kill-pod.ts';
import { observePod } from './observe-pod.ts';
import { needsWork } from './pod-change.ts';
import { describePod, isTerminalPhase } from './pod-facts.ts';
import type { PodState } from './pod-state.ts';
import { emptyRuntimePod } from './runtime-pod.ts';
import { syncPod } from './sync-pod.ts';

export interface PodWorkerOptions {
  readonly node: NodeContext;
  readonly uid: string;
  readonly pod: Pod;
  /** False for a pod the API has no more: it is ended and cleaned up. */
  readonly inApi: boolean;
  /** Asked once, for a pod that has not run here yet, and for each resize. */
  readonly admit: (pod: Pod) => PodVerdict | undefined;
  /** There may be room for a resize now, or one that waits for it. */
  readonly onRoom: () => void;
  readonly onFinished: (uid: string) => void;
}

/** syncing → terminating → terminated → finished; never back (pod_workers.go). */
type Stage = 'syncing' | 'terminating' | 'terminated' | 'finished';

/** After an error nobody gave a delay for (pod_workers.go backOffPeriod). */
const retryMs = 10_000;

/** A pass begins with what takes a millisecond; hundreds of pods are looked at when a node starts, and may be deleted at once. */
const passesATurn = 10;
const passTurns = new Turns(passesATurn);

/** All work on one pod, one pass after the other; what comes in between is seen by the next pass. */
export class PodWorker implements AsyncDisposable {
  readonly state: PodState;
  readonly #options: PodWorkerOptions;
  readonly #end = new AbortController();
  readonly #seenMs: number;
  /** It did not run before, and does not yet. */
  #starts = false;
  #stage: Stage = 'syncing';
  #inApi: boolean;
  #admitted = false;
  /** As the API has it. */
  #wanted: Pod;
  readonly #given: AllocationRecord;
  #deleteSent = false;
  #volumesWanted = false;
  #graceSeconds = Number.POSITIVE_INFINITY;
  #pass: AbortController | undefined;
  #running: Promise<void> | undefined;
  #again = false;
  #timer: Disposable | undefined;
  #deadline: Disposable | undefined;

  constructor(options: PodWorkerOptions) {
    const { node, pod, uid } = options;
    const { clock, rng, runtime, version } = node.options;
    this.#options = options;
    this.#seenMs = clock.monotonicMs();
    this.#inApi = options.inApi;
    this.#wanted = pod;
    this.#given = new AllocationRecord(node, uid);
    this.state = {
      uid,
      pod,
      seen: emptyRuntimePod(uid),
      verdict: undefined,
      waiting: new Map(),
      resize: undefined,
      pending: pendingOf(pod),
      prober: new PodProber({
        clock,
        rng,
        tools: {
          runtime: runtime.runtime,
          clock,
          userAgent: `kube-probe/${/^v?(\d+\.\d+)/.exec(version)?.[1] ?? '1'}`,
        },
        event: (container, ...event) => podEvent(node, this.state.pod, container)(...event),
        known: (id) => knownReadiness(pod, id),
        onVerdict: () => this.#onVerdict(),
      }),
    };
  }

  /** Nobody knows yet what it takes of the node. */
  get isNew(): boolean {
    return this.#stage === 'syncing' && !this.#admitted;
  }

  /** It asks for other resources than it was given. */
  get waitsForRoom(): boolean {
    return this.admitted && !this.#mustEnd() && !isSameAllocation(this.#wanted, this.state.pod);
  }

  get admitted(): boolean {
    return this.#admitted && (this.#stage === 'syncing' || this.#stage === 'terminating');
  }

  /** The pod changed, or (undefined) the API has it no more. */
  update(pod: Pod | undefined): void {
    const idle = pod !== undefined && !needsWork(this.#wanted, pod);
    if (pod) this.#take(pod);
    else this.#inApi = false;
    if (idle) return;
    if (this.waitsForRoom) this.#options.onRoom();
    const ends = this.#stage === 'syncing' && this.#mustEnd();
    const sooner = this.#stage === 'terminating' && this.#effectiveGrace() < this.#graceSeconds;
    // What is being started must not finish first, and a shorter grace period counts at once.
    if (ends || sooner) this.#pass?.abort();
    this.poke();
  }

  /** Gives it what its spec asks for where the node has room; true: it did (allocation manager handlePodResourcesResize). */
  tryResize(): boolean {
    const { node, admit } = this.#options;
    const pod = this.#wanted;
    const { generation } = pod.metadata;
    const refused = admit(pod);
    const before = this.state.pending;
    if (refused) {
      const message = refused.message.replace(/^Pod was rejected: /, '');
      const probed = rfc3339(node.options.clock.now());
      this.state.pending = { generation, reason: 'Deferred', message, probed };
      if (before?.generation !== generation || before?.reason !== 'Deferred')
        resizeEvent(node, pod, 'Deferred', { generation, error: message }, refused.reason);
    } else {
      this.state.pod = pod;
      this.state.pending = undefined;
    }
    this.poke();
    return !refused;
  }

  /** Ends a pod that may not go on here; false: it ends already. */
  evict(verdict: PodVerdict): boolean {
    if (this.#stage !== 'syncing' || this.#mustEnd()) return false;
    this.state.verdict = verdict;
    podEvent(this.#options.node, this.state.pod)('Warning', verdict.reason, verdict.message);
    this.#pass?.abort();
    this.poke();
    return true;
  }

  /** Something may have changed: look soon. */
  poke(): void {
    if (this.#end.signal.aborted || this.#stage === 'finished') return;
    this.#again = true;
    this.#running ??= this.#drain().finally(() => {
      this.#running = undefined;
      // A poke between the last look and now must not be lost.
      if (this.#again) this.poke();
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end.abort();
    this.#pass?.abort();
    this.#timer?.[Symbol.dispose]();
    this.#deadline?.[Symbol.dispose]();
    this.state.prober[Symbol.dispose]();
    this.#again = false;
    await this.#running;
  }

  async #drain(): Promise<void> {
    while (this.#again && !this.#end.signal.aborted) {
      const pause = passTurns.goOn(1);
      if (pause) await pause;
      if (this.#end.signal.aborted) break;
      this.#again = false;
      this.#timer?.[Symbol.dispose]();
      this.#timer = undefined;
      this.#pass = new AbortController();
      const signal = AbortSignal.any([this.#pass.signal, this.#end.signal]);
      try {
        await this.#onePass(signal);
      } catch (error) {
        // An abort that is not ours is a failure like another: nobody else would look again.
        if (signal.aborted) continue;
        const { log } = this.#options.node.options;
        log.warn('pod not synced, will try again', { pod: describePod(this.state.pod), stage: this.#stage, error });
        this.#later(retryMs);
      }
    }
    this.#pass = undefined;
  }

  #later(ms: number): void {
    this.#timer?.[Symbol.dispose]();
    this.#timer = this.#options.node.options.clock.schedule(ms, () => this.poke());
  }

  async #onePass(signal: AbortSignal): Promise<void> {
    if (!this.#given.isRead) await this.#recall();
    if (this.#stage === 'syncing' && this.#mustEnd()) this.#stage = 'terminating';
    if (this.#stage === 'syncing') await this.#measured('sync', () => this.#sync(signal));
    if (this.#stage === 'terminating') await this.#measured('kill', () => this.#terminate(signal));
    if (this.#stage === 'terminated') await this.#cleanUp(signal);
  }

  async #measured(type: 'sync' | 'kill', pass: () => Promise<void>): Promise<void> {
    const { clock, metrics } = this.#options.node.options;
    const isFirst = type === 'sync' && !this.#admitted;
    const beganMs = clock.monotonicMs();
    try {
      await pass();
    } finally {
      metrics?.podPass(isFirst && this.#starts ? 'create' : type, clock.monotonicMs() - beganMs);
    }
  }

  /** A pod that runs here gets other resources only where there is room for them. */
  #take(pod: Pod): void {
    this.#wanted = pod;
    const isGiven = this.#admitted || this.#given.known !== undefined;
    this.state.pod = isGiven ? withAllocation(pod, allocationOf(this.state.pod)) : pod;
    if (this.#given.isRead && isSameAllocation(pod, this.state.pod)) this.state.pending = undefined;
  }

  /** An earlier kubelet gave it what is on disk, whatever its spec became while none ran. */
  async #recall(): Promise<void> {
    await this.#given.read();
    if (this.#given.known) this.state.pod = withAllocation(this.#wanted, this.#given.known);
    if (isSameAllocation(this.#wanted, this.state.pod)) this.state.pending = undefined;
  }

  #mustEnd(): boolean {
    const { pod, verdict } = this.state;
    return (
      !this.#inApi ||
      pod.metadata.deletionTimestamp !== undefined ||
      verdict !== undefined ||
      isTerminalPhase(pod.status?.phase)
    );
  }

  async #sync(signal: AbortSignal): Promise<void> {
    const { node } = this.#options;
    if (!this.#admitted) await this.#admit(signal);
    this.#watchDeadline();
    if (this.#mustEnd()) {
      this.#stage = 'terminating';
      return;
    }
    this.#wantVolumes();
    await this.#given.write(this.state.pod);
    const result = await syncPod(node, this.state, signal);
    this.#noteStart();
    if (result.kind === 'terminal') this.#stage = 'terminating';
    else if (result.kind === 'changed') this.#again = true;
    else if (result.kind === 'retry') this.#later(result.afterMs);
    const lacks = [...this.state.waiting.values()].some(({ reason }) => reason === 'CreateContainerConfigError');
    if (lacks) node.environments.waitFor(this.state.uid, this.state.pod);
    else node.environments.forget(this.state.uid);
  }

  #noteStart(): void {
    const { clock, metrics } = this.#options.node.options;
    if (!this.#starts || this.#options.node.statuses.get(this.state.uid)?.phase !== 'Running') return;
    this.#starts = false;
    metrics?.podStarted(clock.monotonicMs() - this.#seenMs);
  }

  /** Volumes stay mounted as long as containers may use them. */
  #wantVolumes(): void {
    const { node } = this.#options;
    node.options.volumes.setPod(this.state.pod);
    if (this.#volumesWanted) return;
    this.#volumesWanted = true;
    node.onVolumesChanged();
  }

  async #admit(signal: AbortSignal): Promise<void> {
    const { node, admit } = this.#options;
    await observePod(node, this.state, signal);
    const fresh = this.state.seen.containers.length === 0 && this.state.seen.sandboxes.length === 0;
    this.#starts = fresh;
    const verdict = fresh ? admit(this.state.pod) : undefined;
    this.#admitted = true;
    this.#options.onRoom();
    if (!verdict) return;
    this.state.verdict = verdict;
    podEvent(node, this.state.pod)('Warning', verdict.reason, verdict.message.replace(/^Pod was rejected: /, ''));
  }

  /** activeDeadlineSeconds counts from the pod's start time (kubelet/active_deadline.go). */
  #watchDeadline(): void {
    const { clock } = this.#options.node.options;
    const seconds = this.state.pod.spec?.activeDeadlineSeconds;
    const start = this.#options.node.statuses.get(this.state.uid)?.startTime ?? this.state.pod.status?.startTime;
    this.#deadline?.[Symbol.dispose]();
    this.#deadline = undefined;
    if (seconds === undefined || this.state.verdict) return;
    const left = (start === undefined ? clock.now() : Date.parse(start)) + seconds * 1000 - clock.now();
    if (left > 0) {
      this.#deadline = clock.schedule(left, () => {
        this.#watchDeadline();
        this.#pass?.abort();
        this.poke();
      });
      return;
    }
    const message = 'Pod was active on the node longer than the specified deadline';
    this.state.verdict = { reason: 'DeadlineExceeded', message };
    podEvent(this.#options.node, this.state.pod)('Normal', 'DeadlineExceeded', message);
  }

  #effectiveGrace(): number {
    const { pod, verdict } = this.state;
    const { metadata, spec } = pod;
    // At least one second, so that TERM is seen at all (pod_workers.go calculateEffectiveGracePeriod).
    const own = metadata.deletionGracePeriodSeconds ?? spec?.terminationGracePeriodSeconds ?? 30;
    return Math.max(1, Math.min(own, verdict?.graceSeconds ?? own));
  }

  /** While containers end nothing is done about them, but who asks for the pod by its readiness has to hear of it. */
  #onVerdict(): void {
    if (this.#stage !== 'terminating') return this.poke();
    if (this.#inApi) reportStatus(this.#options.node, this.state, { terminal: false });
  }

  async #terminate(signal: AbortSignal): Promise<void> {
    const { node } = this.#options;
    const { state } = this;
    this.#deadline?.[Symbol.dispose]();
    await observePod(node, state, signal);
    if (this.#inApi) reportStatus(node, state, { terminal: false });
    const alive = state.seen.containers.some((container) => container.state === 'CONTAINER_RUNNING');
    if (this.#inApi && alive) this.#wantVolumes();
    state.prober.stopLivenessAndStartup();
    this.#graceSeconds = Math.min(this.#graceSeconds, this.#effectiveGrace());
    // Orphans bring their grace period in annotations.
    const graceSeconds = state.pod.spec ? this.#graceSeconds : undefined;
    await killPod(node, state, { graceSeconds }, signal);
    state.prober[Symbol.dispose]();
    if (this.#inApi) reportStatus(node, state, { terminal: true, ended: true });
    this.#stage = 'terminated';
    this.#options.onRoom();
  }

  async #cleanUp(signal: AbortSignal): Promise<void> {
    const { node, uid, onFinished } = this.#options;
    const { client, volumes } = node.options;
    volumes.removePod(uid);
    await volumes.waitForUnmount(uid, signal);
    if (this.#volumesWanted) node.onVolumesChanged();
    this.#volumesWanted = false;
    await removePodCgroup(node, uid);
    if (this.#inApi) {
      if (this.state.pod.metadata.deletionTimestamp === undefined || this.#deleteSent) return;
      await node.statuses.flushed(uid, signal);
      const { namespace, name = '' } = this.state.pod.metadata;
      try {
        await client.delete(
          resources.pods,
          { namespace, name },
          { gracePeriodSeconds: 0, preconditions: { uid } },
          signal,
        );
      } catch (error) {
        // Gone already, or a new pod has the name.
        if (!isNotFound(error) && !isReason(error, 'Conflict')) throw error;
      }
      this.#deleteSent = true;
      return;
    }
    await observePod(node, this.state, signal);
    await removeFromRuntime(node, this.state.pod, this.state.seen, signal);
    await removePodFiles(node, uid);
    this.#stage = 'finished';
    this.#timer?.[Symbol.dispose]();
    onFinished(uid);
  }
}

/** What was written of a container before this process: a restart of the kubelet makes no pod unready. */
function knownReadiness({ status }: Pod, containerId: string) {
  const all = [...(status?.containerStatuses ?? []), ...(status?.initContainerStatuses ?? [])];
  const found = all.find(({ containerID }) => containerID?.endsWith(`//${containerId}`));
  return found && { started: found.started ?? false, ready: found.ready };
}
