import type { Clock, Logger } from '@berth/kit';
import {
  type EventRecorder,
  type Informer,
  isNotFound,
  type KubeClient,
  keyOf,
  type Pod,
  type PodDisruptionBudget,
  resources,
} from '@berth/kube';
import { deleteDisrupted } from '../pod-disruption.ts';
import type { Refusal } from './fit-error.ts';
import type { Fitting } from './fitting.ts';
import type { Nominations } from './nominations.ts';
import { priorityOf } from './pod-importance.ts';
import { type Preemption, preempt } from './preempt.ts';
import type { Victims } from './select-victims.ts';

export interface PreemptorOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly log: Logger;
  readonly events: EventRecorder;
  readonly budgets: Pick<Informer<PodDisruptionBudget>, 'list'>;
  readonly nominations: Nominations;
  /** Keeps a pod from the node it is on the way to; false where it is there already. */
  readonly holdBack: (uid: string, why: string) => boolean;
  /** Not all that stand in a pod's way could be made to go. */
  readonly failed: (key: string) => void;
}

/** Decides who has to go for a pod, and makes them go (plugins/defaultpreemption, framework/preemption/executor.go). */
export class Preemptor {
  readonly #options: PreemptorOptions;
  /** Pods told to go that the API server does not show going yet. */
  readonly #told = new Set<string>();
  #offset = 0;

  constructor(options: PreemptorOptions) {
    this.#options = options;
  }

  podChanged(uid: string, pod: Pod | undefined): void {
    if (!pod || pod.metadata.deletionTimestamp) this.#told.delete(uid);
  }

  preempt(fitting: Fitting, refusals: readonly Refusal[], nominated: string | undefined): Preemption {
    const { budgets, clock } = this.#options;
    const isPreempted = (pod: Pod) => this.#told.has(pod.metadata.uid as string) || isGoingForAnother(pod);
    const rules = { budgets: budgets.list(), now: clock.now() };
    return preempt(fitting, refusals, { ...rules, nominated, isPreempted, offset: this.#offset++ });
  }

  /** Takes their nomination from those who count on the node too and mean less, and makes the victims go. */
  async evict(pod: Pod, { node, pods }: Victims, signal: AbortSignal): Promise<void> {
    const { nominations, log, failed } = this.#options;
    const lesser = nominations.on(node).filter((one) => priorityOf(one) < priorityOf(pod));
    for (const { metadata } of lesser) nominations.delete(metadata.uid as string);
    const staying = pods.filter(
      ({ metadata }) => !metadata.deletionTimestamp && !this.#told.has(metadata.uid as string),
    );
    for (const { metadata } of staying) this.#told.add(metadata.uid as string);
    const work = [
      ...lesser.map((one) => this.#clearNomination(one, signal)),
      ...staying.map((one) => this.#evictOne(pod, { victim: one, node }, signal)),
    ];
    for (const result of await Promise.allSettled(work)) {
      if (result.status === 'fulfilled' || signal.aborted) continue;
      log.warn('could not make room for a pod', { pod: keyOf(pod), node, error: result.reason });
      failed(keyOf(pod));
    }
  }

  async #evictOne(pod: Pod, { victim, node }: { victim: Pod; node: string }, signal: AbortSignal): Promise<void> {
    const { events, holdBack } = this.#options;
    const uid = victim.metadata.uid as string;
    const message = `${pod.spec?.schedulerName}: preempting to accommodate a higher priority pod`;
    let told = `Preempted by pod ${pod.metadata.uid} on node ${node}`;
    if (holdBack(uid, 'preempted by DefaultPreemption')) {
      this.#told.delete(uid);
      told += ' (in kube-scheduler memory).';
    } else {
      try {
        await deleteDisrupted(victim, { reason: preempted, message }, this.#options, signal);
      } catch (error) {
        this.#told.delete(uid);
        throw error;
      }
    }
    events.event(victim, 'Normal', 'Preempted', told, { action: 'Preempting', related: pod });
  }

  async #clearNomination({ metadata }: Pod, signal: AbortSignal): Promise<void> {
    const { namespace, name = '', uid } = metadata;
    const patch = { metadata: { uid }, status: { nominatedNodeName: null } };
    try {
      const type = 'strategic';
      const ref = { namespace, name };
      await this.#options.client.patch(resources.pods, ref, { type, patch }, { subresource: 'status' }, signal);
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }
}

const preempted = 'PreemptionByScheduler';

function isGoingForAnother({ metadata, status }: Pod): boolean {
  const target = status?.conditions?.find(({ type }) => type === 'DisruptionTarget');
  return metadata.deletionTimestamp !== undefined && target?.status === 'True' && target.reason === preempted;
}
