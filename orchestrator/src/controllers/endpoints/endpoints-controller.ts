import {
  type EndpointSlice,
  type EndpointSubset,
  type Endpoints,
  type Informer,
  isNotFound,
  isReason,
  keyOf,
  type Pod,
  resources,
  type Service,
  splitKey,
} from '@berth/kube';
import { semanticEqual } from '../../api-server/resources/equality.ts';
import { type ControllerDeps, RunningController } from '../controller-deps.ts';
import { endpointsOf, familiesOf, type ServiceEndpoint, selects } from './endpoint-addresses.ts';
import { isOfElection } from './is-of-election.ts';
import { planSlices } from './plan-slices.ts';
import { subsetsOf } from './subsets.ts';
import { truncatedSubsets } from './truncated-subsets.ts';

/** Who its slices say that makes them. */
export const managedBy = 'endpointslice-controller.k8s.io';
const serviceLabel = 'kubernetes.io/service-name';
/** That Endpoints do not tell all addresses. */
const overCapacity = 'endpoints.kubernetes.io/over-capacity';

/** Keeps Endpoints and EndpointSlices of every service with a selector, also where somebody deletes them. */
export function startEndpointsController(deps: ControllerDeps, signal: AbortSignal): AsyncDisposable {
  const { informers } = deps;
  const services = informers.of(resources.services);
  const pods = informers.of(resources.pods);
  const writer = new EndpointsWriter(deps, services, pods);
  const running = new RunningController(
    deps,
    { name: 'endpoints', queueName: 'endpoint', reconcile: (key) => writer.reconcile(key) },
    signal,
  );
  services.onChange((key) => running.queue.add(key));
  const endpoints = informers.of(resources.endpoints);
  endpoints.onChange((key, { after }) => {
    if (!after && services.get(key)) running.queue.add(key);
  });
  // What is left of Services that went while nobody looked goes as well (upstream's checkLeftoverEndpoints).
  endpoints.whenSynced(signal).then(
    () => {
      for (const each of endpoints.list()) if (!isOfElection(each)) running.queue.add(keyOf(each));
    },
    () => undefined,
  );
  // Also a slice that somebody else changed, as upstream's tracker of slices has it.
  informers.of(resources.endpointslices).onChange((_, { before }) => {
    for (const key of before ? serviceOf(before) : []) if (services.get(key)) running.queue.add(key);
  });
  pods.onChange((_, { before, after }) => {
    const pod = after ?? before;
    if (before && after && sameForServices(before, after)) return;
    for (const service of services.list(pod?.metadata.namespace as string)) {
      if ([before, after].some((one) => one && selects(service, one))) running.queue.add(keyOf(service));
    }
  });
  return running;
}

class EndpointsWriter {
  readonly #deps: ControllerDeps;
  readonly #services: Informer<Service>;
  readonly #pods: Informer<Pod>;
  readonly #endpoints: Informer<Endpoints>;
  readonly #slices: Informer<EndpointSlice>;

  constructor(deps: ControllerDeps, services: Informer<Service>, pods: Informer<Pod>) {
    this.#deps = deps;
    this.#services = services;
    this.#pods = pods;
    this.#endpoints = deps.informers.of(resources.endpoints);
    this.#slices = deps.informers.of(resources.endpointslices);
    this.#slices.addIndex(byService, serviceOf);
  }

  async reconcile(key: string): Promise<undefined> {
    const service = this.#services.get(key);
    if (!service) return this.#remove(key);
    if (!service.spec?.selector || service.spec.type === 'ExternalName') return;
    const pods = this.#pods.list(service.metadata.namespace as string).filter((pod) => selects(service, pod));
    const endpoints = endpointsOf(service, pods);
    try {
      await this.#writeEndpoints(service, subsetsOf(service, endpoints));
      await this.#writeSlices(service, endpoints);
    } catch (error) {
      // Nothing can be made in a namespace that is being deleted, and what is there goes with it (upstream's controllers drop the key, too).
      if (!isNamespaceTerminating(error)) throw error;
    }
  }

  async #remove(key: string): Promise<undefined> {
    const { namespace, name } = splitKey(key);
    if (!this.#endpoints.get(key)) return;
    await this.#deps.client.delete(resources.endpoints, { namespace, name }).catch((error: unknown) => {
      if (!isNotFound(error)) throw error;
    });
  }

  async #writeEndpoints(service: Service, all: EndpointSubset[]): Promise<void> {
    const labels = labelsOf(service, { 'endpoints.kubernetes.io/managed-by': 'endpoint-controller' });
    const present = this.#endpoints.get(keyOf(service));
    const truncated = truncatedSubsets(all);
    const subsets = truncated ?? all;
    const content = subsets.length > 0 ? { subsets } : {};
    const { [overCapacity]: before, ...others } = present?.metadata.annotations ?? {};
    const capacity = truncated ? 'truncated' : undefined;
    const annotations = { ...others, ...(capacity ? { [overCapacity]: capacity } : {}) };
    if (!present) {
      const { name, namespace } = service.metadata as { name: string; namespace: string };
      await this.#deps.client.create(resources.endpoints, {
        metadata: { name, namespace, labels, annotations },
        ...content,
      } as Endpoints);
    } else if (!semanticEqual([present.subsets, present.metadata.labels, before], [subsets, labels, capacity])) {
      const { subsets: _, ...rest } = present;
      await this.#deps.client.update(resources.endpoints, {
        ...rest,
        metadata: { ...rest.metadata, labels, annotations },
        ...content,
      } as Endpoints);
    }
  }

  async #writeSlices(service: Service, endpoints: readonly ServiceEndpoint[]): Promise<void> {
    const { client } = this.#deps;
    const { name, namespace, uid } = service.metadata as { name: string; namespace: string; uid: string };
    const labels = labelsOf(service, {
      [serviceLabel]: name,
      'endpointslice.kubernetes.io/managed-by': managedBy,
    });
    const plan = planSlices(
      { name, uid, labels, families: familiesOf(service) },
      endpoints,
      this.#slices.byIndex(byService, keyOf(service)),
    );
    for (const { name: sliceName, ...content } of plan.create) {
      const ownerReferences = [
        { apiVersion: 'v1', kind: 'Service', name, uid, controller: true, blockOwnerDeletion: true },
      ];
      const metadata = { name: sliceName, generateName: `${name}-`, namespace, labels, ownerReferences };
      await client.create(resources.endpointslices, { metadata, ...content } as EndpointSlice);
    }
    for (const { slice, content } of plan.update)
      await client.update(resources.endpointslices, {
        ...slice,
        metadata: { ...slice.metadata, labels },
        ...content,
      });
    for (const { metadata } of plan.delete) {
      const ref = { namespace, name: metadata.name as string };
      await client.delete(resources.endpointslices, ref).catch((error: unknown) => {
        if (!isNotFound(error)) throw error;
      });
    }
  }
}

const byService = 'endpoints/service';
const headlessLabel = 'service.kubernetes.io/headless';

/** The Service's labels and `own`; which are headless is said here alone (endpoints syncService, endpointslice setEndpointSliceLabels). */
function labelsOf({ metadata, spec }: Service, own: Record<string, string>): Record<string, string> {
  const { [headlessLabel]: _, ...labels } = metadata.labels ?? {};
  const isHeadless = ['None', ''].includes(spec?.clusterIP ?? '');
  return { ...labels, ...own, ...(isHeadless ? { [headlessLabel]: '' } : {}) };
}

function isNamespaceTerminating(error: unknown): boolean {
  return (
    isReason(error, 'Forbidden') &&
    (error.status.details?.causes ?? []).some(({ reason }) => reason === 'NamespaceTerminating')
  );
}

/** Key of the service whose slice it is, where it is one of ours. */
function serviceOf({ metadata: { namespace, labels } }: EndpointSlice): string[] {
  const name = labels?.[serviceLabel];
  const isOurs = labels?.['endpointslice.kubernetes.io/managed-by'] === managedBy;
  return isOurs && name !== undefined ? [`${namespace}/${name}`] : [];
}

function sameForServices(a: Pod, b: Pod): boolean {
  const view = ({ metadata, status }: Pod) =>
    JSON.stringify([
      metadata.uid,
      metadata.labels,
      metadata.deletionTimestamp,
      status?.podIP,
      status?.podIPs,
      status?.phase,
      status?.conditions?.find(({ type }) => type === 'Ready')?.status,
    ]);
  return view(a) === view(b);
}
