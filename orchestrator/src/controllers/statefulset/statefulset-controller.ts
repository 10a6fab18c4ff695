import {
  type ControllerRevision,
  controllerOf,
  type Informer,
  keyOf,
  type Pod,
  resources,
  type StatefulSet,
  splitKey,
} from '@berth/kube';
import { type ControllerDeps, RunningController } from '../controller-deps.ts';
import { claimPods } from './claim-pods.ts';
import { budgetWaitMs, CreateBudget } from './create-budget.ts';
import { StepExecutor } from './execute-steps.ts';
import { type Revisions, resolveRevisions, truncateHistory } from './history.ts';
import { labels, ordinalOf } from './identity.ts';
import { planSteps, type Step } from './plan.ts';
import { applyRevision } from './revisions.ts';
import { computeStatus, nextAvailableInMs, sameStatus } from './status.ts';

/** Runs StatefulSets: pods with lasting names, each on its own claims, in order. */
export function startStatefulSetController(deps: ControllerDeps, signal: AbortSignal): AsyncDisposable {
  const controller = new StatefulSetController(deps);
  const running = new RunningController(
    deps,
    { name: 'statefulset', reconcile: (key) => controller.reconcile(key) },
    signal,
  );
  controller.follow((key) => running.queue.add(key));
  return running;
}

class StatefulSetController {
  readonly #deps: ControllerDeps;
  readonly #sets: Informer<StatefulSet>;
  readonly #pods: Informer<Pod>;
  readonly #revisions: Informer<ControllerRevision>;
  readonly #claims;
  readonly #events;
  readonly #budget = new CreateBudget();

  constructor(deps: ControllerDeps) {
    const { informers, recorder } = deps;
    this.#deps = deps;
    this.#sets = informers.of(resources.statefulsets);
    this.#pods = informers.of(resources.pods);
    this.#revisions = informers.of(resources.controllerrevisions);
    this.#claims = informers.of(resources.persistentvolumeclaims);
    this.#events = recorder('statefulset-controller');
    // A pod is a candidate by controller, or as an orphan by the name before its ordinal.
    this.#pods.addIndex('statefulset', (pod) => setKeysOf(pod));
    this.#revisions.addIndex('controller', (revision) => {
      const owner = controllerOf(revision);
      return owner ? [owner.uid] : [];
    });
  }

  follow(enqueue: (key: string) => void): void {
    this.#sets.onChange((key) => enqueue(key));
    this.#pods.onChange((_, { before, after }) => {
      for (const key of new Set([...(before ? setKeysOf(before) : []), ...(after ? setKeysOf(after) : [])]))
        enqueue(key);
    });
    this.#claims.onChange((key, { after }) => {
      // Only a lost claim is news here: the pod that waits for it gets it again.
      if (after) return;
      for (const set of this.#sets.list(splitKey(key).namespace as string))
        if (hasClaim(set, splitKey(key).name)) enqueue(keyOf(set));
    });
  }

  async reconcile(key: string): Promise<undefined | { afterMs: number }> {
    const set = this.#sets.get(key);
    if (!set) {
      this.#budget.forget(key);
      return undefined;
    }
    const { client, clock } = this.#deps;
    const pods = await claimPods(client, set, this.#pods.byIndex('statefulset', key));
    if (set.metadata.deletionTimestamp) return undefined;
    const owned = this.#revisions.byIndex('controller', set.metadata.uid as string);
    const revisions = await resolveRevisions(client, set, owned);
    const now = clock.now();
    const names = {
      currentRevision: revisions.current.metadata.name as string,
      updateRevision: revisions.update.metadata.name as string,
    };
    const { collisionCount } = revisions;
    const done: Step[] = [];
    try {
      await this.#takeSteps({ key, set, pods, revisions, done });
    } finally {
      const replacing = done.filter((step) => step.do === 'delete' && step.why === 'update').length;
      await this.#writeStatus(set, computeStatus({ set, pods, ...names, collisionCount, now, replacing }));
    }
    await truncateHistory(client, set, owned, { pods, revisions });
    const spent = this.#budget.left(key, clock.monotonicMs()) === 0;
    const afterMs = nextAvailableInMs(set, pods, now) ?? (spent ? budgetWaitMs : undefined);
    return afterMs === undefined ? undefined : { afterMs };
  }

  /** `done` gets what was carried out, also where a later step fails. */
  async #takeSteps({ key, set, pods, revisions, done }: Round): Promise<void> {
    const currentRevision = revisions.current.metadata.name as string;
    const updateRevision = revisions.update.metadata.name as string;
    const executor = new StepExecutor(set, {
      client: this.#deps.client,
      events: this.#events,
      claims: this.#claims,
      setAt: (name) => applyRevision(set, name === currentRevision ? revisions.current : revisions.update),
    });
    const end = (set.spec?.ordinals?.start ?? 0) + (set.spec?.replicas ?? 1);
    await executor.ownClaims(pods.filter((pod) => ordinalOf(set, pod) < end));
    const { clock } = this.#deps;
    const maxCreates = this.#budget.left(key, clock.monotonicMs());
    const steps = planSteps({ set, pods, currentRevision, updateRevision, now: clock.now(), maxCreates });
    this.#budget.spend(key, steps.filter((step) => step.do === 'create').length, clock.monotonicMs());
    const run = async (step: Step) => {
      await executor.run(step);
      done.push(step);
    };
    if (set.spec?.podManagementPolicy !== 'Parallel') for (const step of steps) await run(step);
    else await inBatches(steps, run);
  }

  async #writeStatus(set: StatefulSet, status: NonNullable<StatefulSet['status']>): Promise<void> {
    const conditions = set.status?.conditions;
    const next = conditions ? { ...status, conditions } : status;
    if (sameStatus(set.status, next)) return;
    await this.#deps.client.updateStatus(resources.statefulsets, { ...set, status: next });
  }
}

interface Round {
  readonly key: string;
  readonly set: StatefulSet;
  readonly pods: readonly Pod[];
  readonly revisions: Revisions;
  readonly done: Step[];
}

/** 1, 2, 4 … at a time, so that a set whose pods cannot be made fails once, not a thousand times (slowStartBatch). */
async function inBatches<T>(items: readonly T[], run: (item: T) => Promise<void>): Promise<void> {
  for (let start = 0, size = 1; start < items.length; start += size, size *= 2) {
    const results = await Promise.allSettled(items.slice(start, start + size).map(run));
    const failed = results.find((result) => result.status === 'rejected');
    if (failed) throw failed.reason;
  }
}

function setKeysOf(pod: Pod): string[] {
  const { namespace, name = '', ownerReferences = [] } = pod.metadata;
  const controller = ownerReferences.find((owner) => owner.controller);
  if (controller) return controller.kind === 'StatefulSet' ? [`${namespace}/${controller.name}`] : [];
  if (!pod.metadata.labels?.[labels.podName] && !/-\d+$/.test(name)) return [];
  return [`${namespace}/${name.replace(/-\d+$/, '')}`];
}

function hasClaim(set: StatefulSet, claim: string): boolean {
  return (set.spec?.volumeClaimTemplates ?? []).some(({ metadata }) =>
    claim.startsWith(`${metadata.name}-${set.metadata.name}-`),
  );
}
