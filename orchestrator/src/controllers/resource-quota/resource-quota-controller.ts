import {
  copyJson,
  type Informer,
  isNotFound,
  type KubeObject,
  type PersistentVolumeClaim,
  type Pod,
  type ResourceQuota,
  type ResourceType,
  resources,
} from '@berth/kube';
import { amountsOf, listOf } from '../../quota/amounts.ts';
import { attributesClassesOf, isTerminating } from '../../quota/scopes.ts';
import { type EveryKindDeps, RunningController } from '../controller-deps.ts';
import { collectableTypes } from '../garbage-collector/collectable-types.ts';
import { countUsage } from './count-usage.ts';

/** Several deletions of one moment are counted once. */
const settleMs = 50;
/** What was being made while less was counted than there was is there by then, and counted. */
const lookAgainMs = 1000;
/** Upstream's --resource-quota-sync-period: what was missed is found. */
const resyncMs = 300_000;

const types = collectableTypes.filter((type) => type.namespaced);

/**
 * Counts what namespaces with ResourceQuotas hold (pkg/controller/resourcequota): what was added is counted by the
 * server before it is made; this finds what went, and begins a new quota's status. What is being made meanwhile is not there yet, or not heard
 * of, and would be uncounted: unlike upstream's, a count that comes to less is done again, and one that something turns out to be older than.
 */
export function startResourceQuotaController(deps: EveryKindDeps, signal: AbortSignal): AsyncDisposable {
  const quotas = deps.informers.of(resources.resourcequotas);
  const informers = types.map((type) => ({ type, informer: deps.informers.of(type) as Informer<KubeObject> }));
  const written = new Map<string, number>();
  const controller = new RunningController(
    deps,
    {
      name: 'resource-quota',
      queueName: 'resourcequota_primary',
      reconcile: (key) => count({ deps, quotas, informers, written }, key, signal),
    },
    signal,
  );
  const handlers = new DisposableStack();
  handlers.use(
    quotas.onChange((key, { before, after }) => {
      if (!after) written.delete(key);
      if (after && JSON.stringify(before?.spec) !== JSON.stringify(after.spec)) controller.queue.add(key);
    }),
  );
  const recount = (countsBy: (object: KubeObject) => unknown, { before, after }: Change) => {
    const isNew = after && !before;
    if (isNew ? written.size === 0 : after && before && countsBy(before) === countsBy(after)) return;
    const namespace = (after ?? before)?.metadata.namespace ?? '';
    for (const quota of quotas.list(namespace)) {
      const key = `${namespace}/${quota.metadata.name}`;
      // Of what is new the server has told the quota, unless a count that did not know of it yet came behind.
      if (isNew && !(revisionOf(after) < (written.get(key) ?? 0))) continue;
      controller.queue.addAfter(key, settleMs);
    }
  };
  for (const { type, informer } of informers) {
    const countsBy = scopeFacts.get(type) ?? hasEnded;
    handlers.use(informer.onChange((_, change) => recount(countsBy, change)));
  }
  handlers.use(deps.customTypes.onChange((_, change) => recount(hasEnded, change)));
  return {
    [Symbol.asyncDispose]: async () => {
      handlers[Symbol.dispose]();
      await controller[Symbol.asyncDispose]();
    },
  };
}

function hasEnded(object: KubeObject): boolean {
  const { phase } = (object as { status?: { phase?: string } }).status ?? {};
  return phase === 'Succeeded' || phase === 'Failed';
}

/** What of objects decides of which scopes they are: they leave one when it changes. */
const scopeFacts = new Map<ResourceType, (object: KubeObject) => unknown>([
  [resources.pods, (pod) => `${hasEnded(pod)} ${isTerminating(pod as Pod)}`],
  [resources.persistentvolumeclaims, (claim) => [...attributesClassesOf(claim as PersistentVolumeClaim)].sort().join()],
]);

interface Change {
  readonly before: KubeObject | undefined;
  readonly after: KubeObject | undefined;
}

interface World {
  readonly deps: EveryKindDeps;
  readonly quotas: Informer<ResourceQuota>;
  readonly informers: readonly { readonly type: ResourceType<KubeObject>; readonly informer: Informer<KubeObject> }[];
  /** At which revision each quota was written here last. */
  readonly written: Map<string, number>;
}

async function count(
  { deps, quotas, informers, written }: World,
  key: string,
  signal: AbortSignal,
): Promise<{ afterMs: number } | undefined> {
  const quota = quotas.get(key);
  if (!quota) return undefined;
  const hard = amountsOf(quota.spec?.hard);
  const { namespace = '' } = quota.metadata;
  const custom = deps.customTypes.types.filter(({ namespaced }) => namespaced);
  const used = await countUsage(quota, hard.keys(), [
    ...informers.map(({ type, informer }) => ({ type, objects: () => informer.list(namespace) })),
    ...custom.map((type) => ({ type, objects: () => deps.customTypes.list(type, namespace) })),
  ]);
  const status = { hard: listOf(hard), used: listOf(used) };
  if (same(status.hard, quota.status?.hard) && same(status.used, quota.status?.used)) return { afterMs: resyncMs };
  const next = { ...copyJson(quota), status };
  try {
    written.set(key, revisionOf(await deps.client.updateStatus(resources.resourcequotas, next, signal)));
  } catch (error) {
    // It went with what was counted, as in a namespace that goes: its deletion is on its way here.
    if (isNotFound(error)) return undefined;
    throw error;
  }
  const before = amountsOf(quota.status?.used);
  const isLess = [...used].some(([name, quantity]) => quantity.compare(before.get(name) ?? quantity) < 0);
  return { afterMs: isLess ? lookAgainMs : resyncMs };
}

function revisionOf({ metadata }: KubeObject): number {
  return Number(metadata.resourceVersion);
}

function same(a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>> | undefined): boolean {
  const [one, other] = [amountsOf(a), amountsOf(b)];
  return one.size === other.size && [...one].every(([name, quantity]) => other.get(name)?.equals(quantity));
}
