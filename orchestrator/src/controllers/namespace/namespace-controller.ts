import { messageOf } from '@berth/kit';
import {
  type Informer,
  isConflict,
  isNotFound,
  type KubeClient,
  type KubeObject,
  type Namespace,
  type ResourceType,
  resources,
} from '@berth/kube';
import { type EveryKindDeps, RunningController } from '../controller-deps.ts';
import { collectableTypes } from '../garbage-collector/collectable-types.ts';
import { type Remains, sameConditions, terminatingConditions } from './namespace-conditions.ts';
import { type RemoteType, remoteTypes } from './remote-types.ts';

const { pods, events } = resources;
const isPods = (type: ResourceType) => type.group === '' && type.plural === pods.plural;
const types = [pods, ...collectableTypes.filter((type) => type.namespaced && !isPods(type)), events];

/** Empties a namespace that is being deleted, then lets it go (kube-controller-manager namespace_controller). */
export function startNamespaceController(deps: EveryKindDeps, signal: AbortSignal): AsyncDisposable {
  const namespaces = deps.informers.of(resources.namespaces);
  const running = new RunningController(
    deps,
    { name: 'namespace', reconcile: (name) => empty(deps, namespaces, name) },
    signal,
  );
  namespaces.onChange((name, { after }) => {
    if (after?.metadata.deletionTimestamp) running.queue.add(name);
  });
  const note = ({
    before,
    after,
  }: {
    readonly before: KubeObject | undefined;
    readonly after: KubeObject | undefined;
  }) => {
    const name = before?.metadata.namespace;
    if (!after && name && namespaces.get(name)?.metadata.deletionTimestamp) running.queue.add(name);
  };
  for (const type of types) if (type.plural !== 'events') deps.informers.of(type).onChange((_, change) => note(change));
  deps.customTypes.onChange((_, change) => note(change));
  return running;
}

async function empty(
  deps: EveryKindDeps,
  namespaces: Informer<Namespace>,
  name: string,
): Promise<undefined | { afterMs: number }> {
  if (!isEnding(namespaces.get(name))) return undefined;
  const { client } = deps;
  // Another may have the name by now: what is in that one is not ours to delete (namespaced_resources_deleter Delete).
  const namespace = await client.find(resources.namespaces, { name });
  if (!namespace || !isEnding(namespace)) return undefined;
  const remains = await deleteAll(deps, name);
  // Objects with a grace period or finalizers end later; their deletion brings us back, this is only the safety net.
  if (remains.resources.size > 0 || remains.failure !== undefined || remains.stale.length > 0) {
    await report(deps, namespace, remains);
    return { afterMs: 5000 };
  }
  try {
    const current = await client.get(resources.namespaces, { name });
    if (current.metadata.uid !== namespace.metadata.uid) return undefined;
    const finalizers = current.spec?.finalizers?.filter((finalizer) => finalizer !== 'kubernetes') ?? [];
    const body = { ...current, spec: { finalizers } };
    await client.raw({ method: 'PUT', path: `/api/v1/namespaces/${encodeURIComponent(name)}/finalize`, body });
  } catch (error) {
    if (isConflict(error)) return { afterMs: 10 };
    if (!isNotFound(error)) throw error;
  }
  return undefined;
}

function isEnding(namespace: Namespace | undefined): boolean {
  return (
    namespace?.metadata.deletionTimestamp !== undefined && namespace.spec?.finalizers?.includes('kubernetes') === true
  );
}

/** Deletes what is there, pods first, and counts what stays for now. What pods use stays as long as they (OrderedNamespaceDeletion). */
async function deleteAll({ client, customTypes, clock }: EveryKindDeps, namespace: string): Promise<Remains> {
  const resourceCounts = new Map<string, number>();
  const finalizers = new Map<string, number>();
  const failures: string[] = [];
  const remote = await remoteTypes(client, clock);
  const custom = customTypes.types.filter(({ namespaced }) => namespaced);
  for (const type of [...types, ...custom, ...remote.types]) {
    let left: readonly KubeObject[] = [];
    try {
      left = await deleteOfType(client, type, namespace);
    } catch (error) {
      failures.push(messageOf(error));
    }
    // Upstream names them `resource.group`, the core group's with a dot and nothing after it.
    if (left.length > 0) resourceCounts.set(`${type.plural}.${type.group}`, left.length);
    for (const { metadata } of left)
      for (const finalizer of metadata.finalizers ?? [])
        finalizers.set(finalizer, (finalizers.get(finalizer) ?? 0) + 1);
    if (isPods(type) && (left.length > 0 || failures.length > 0)) break;
  }
  const failure =
    failures.length === 0
      ? {}
      : { failure: `Failed to delete all resource types, ${failures.length} remaining: ${failures.join(', ')}` };
  return { resources: resourceCounts, finalizers, stale: remote.stale, ...failure };
}

/** What is left of a kind. @throws ApiError */
async function deleteOfType(
  client: KubeClient,
  type: ResourceType | RemoteType,
  namespace: string,
): Promise<readonly KubeObject[]> {
  const { group, version, plural } = type;
  const path = `${group === '' ? '/api' : `/apis/${group}`}/${version}/namespaces/${namespace}/${plural}`;
  const { items } = await client.list(type, { namespace });
  if (items.length === 0) return items;
  const staying = items.filter(({ metadata }) => !metadata.deletionTimestamp);
  if ('hasDeleteCollection' in type && !type.hasDeleteCollection)
    for (const { metadata } of staying) await client.raw({ method: 'DELETE', path: `${path}/${metadata.name}` });
  else if (staying.length > 0) await client.raw({ method: 'DELETE', path });
  return (await client.list(type, { namespace })).items;
}

/** Says what a namespace waits for, where it was not said before. */
async function report({ client, clock }: EveryKindDeps, { metadata: { name } }: Namespace, remains: Remains) {
  try {
    const current = await client.get(resources.namespaces, { name: name as string });
    const before = current.status?.conditions ?? [];
    const own = terminatingConditions(remains, before, clock.now());
    const others = before.filter(({ type }) => !own.some((condition) => condition.type === type));
    const conditions = [...others, ...own];
    if (sameConditions(conditions, before)) return;
    await client.updateStatus(resources.namespaces, { ...current, status: { ...current.status, conditions } });
  } catch (error) {
    if (!isNotFound(error) && !isConflict(error)) throw error;
  }
}
