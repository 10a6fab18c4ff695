import { isAlreadyExists, isNotFound, isReason, type KubeObject, type ResourceType, resources } from '@berth/kube';
import { type ControllerDeps, RunningController } from '../controller-deps.ts';

const rootCaName = 'kube-root-ca.crt';

/** What kube-controller-manager says of the ConfigMap it publishes. */
const rootCaDescription =
  'Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the internal service IP or kubernetes.default.svc. ' +
  'No other usage is guaranteed across distributions of Kubernetes clusters.';

/** Every namespace has a `default` ServiceAccount and the `kube-root-ca.crt` ConfigMap, and gets them back when they are deleted. */
export function startServiceAccountControllers(
  deps: ControllerDeps,
  caPem: string,
  signal: AbortSignal,
): AsyncDisposable {
  const { informers } = deps;
  const namespaces = informers.of(resources.namespaces);
  const accounts = informers.of(resources.serviceaccounts);
  const configMaps = informers.of(resources.configmaps);
  const reconcile = async (name: string): Promise<undefined> => {
    const namespace = namespaces.get(name);
    if (!namespace || namespace.metadata.deletionTimestamp) return;
    const metadata = { name: 'default', namespace: name };
    if (!accounts.get(`${name}/default`)) await ensure(deps, resources.serviceaccounts, { metadata });
    const present = configMaps.get(`${name}/${rootCaName}`);
    const data = { 'ca.crt': caPem };
    const annotations = { 'kubernetes.io/description': rootCaDescription };
    if (!present)
      await ensure(deps, resources.configmaps, { metadata: { name: rootCaName, namespace: name, annotations }, data });
    else if (present.data?.['ca.crt'] !== caPem) await deps.client.update(resources.configmaps, { ...present, data });
  };
  const running = new RunningController(
    deps,
    { name: 'service-account', queueName: 'serviceaccount', reconcile },
    signal,
  );
  namespaces.onChange((name, { after }) => after && running.queue.add(name));
  accounts.onChange(
    (key, { after }) => !after && key.endsWith('/default') && running.queue.add(key.slice(0, key.indexOf('/'))),
  );
  configMaps.onChange((key) => key.endsWith(`/${rootCaName}`) && running.queue.add(key.slice(0, key.indexOf('/'))));
  return running;
}

async function ensure<T extends KubeObject>(
  { client }: ControllerDeps,
  type: ResourceType<T>,
  object: T,
): Promise<void> {
  try {
    await client.create(type, object);
  } catch (error) {
    // A namespace on its way out takes nothing new; one that is gone needs nothing.
    if (!isAlreadyExists(error) && !isNotFound(error) && !isReason(error, 'Forbidden')) throw error;
  }
}
