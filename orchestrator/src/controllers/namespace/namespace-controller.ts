import { type Informer, isConflict, isNotFound, type Namespace, resources } from '@berth/kube';
import { type ControllerDeps, RunningController } from '../controller-deps.ts';
import { collectableTypes } from '../garbage-collector/collectable-types.ts';

const types = [...collectableTypes.filter((type) => type.namespaced), resources.events];

/** Empties a namespace that is being deleted, then lets it go (kube-controller-manager namespace_controller). */
export function startNamespaceController(deps: ControllerDeps, signal: AbortSignal): AsyncDisposable {
  const namespaces = deps.informers.of(resources.namespaces);
  const running = new RunningController(
    deps,
    { name: 'namespace', reconcile: (name) => empty(deps, namespaces, name) },
    signal,
  );
  namespaces.onChange((name, { after }) => {
    if (after?.metadata.deletionTimestamp) running.queue.add(name);
  });
  for (const type of types) {
    if (type.plural === 'events') continue;
    deps.informers.of(type).onChange((_, { before, after }) => {
      const name = before?.metadata.namespace;
      if (!after && name && namespaces.get(name)?.metadata.deletionTimestamp) running.queue.add(name);
    });
  }
  return running;
}

async function empty(
  { client }: ControllerDeps,
  namespaces: Informer<Namespace>,
  name: string,
): Promise<undefined | { afterMs: number }> {
  const namespace = namespaces.get(name);
  if (!namespace?.metadata.deletionTimestamp || !namespace.spec?.finalizers?.includes('kubernetes')) return undefined;
  let remaining = 0;
  for (const type of types) {
    const path = `${type.group === '' ? '/api' : `/apis/${type.group}`}/${type.version}/namespaces/${name}/${type.plural}`;
    const { items } = await client.list(type, { namespace: name });
    if (items.length === 0) continue;
    if (items.some(({ metadata }) => !metadata.deletionTimestamp)) await client.raw({ method: 'DELETE', path });
    remaining += (await client.list(type, { namespace: name, limit: 1 })).items.length;
  }
  // Objects with a grace period or finalizers end later; their deletion brings us back, this is only the safety net.
  if (remaining > 0) return { afterMs: 5000 };
  const finalizers = namespace.spec.finalizers.filter((finalizer) => finalizer !== 'kubernetes');
  try {
    const body = { ...(await client.get(resources.namespaces, { name })), spec: { finalizers } };
    await client.raw({ method: 'PUT', path: `/api/v1/namespaces/${encodeURIComponent(name)}/finalize`, body });
  } catch (error) {
    if (isConflict(error)) return { afterMs: 10 };
    if (!isNotFound(error)) throw error;
  }
  return undefined;
}
