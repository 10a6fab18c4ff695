import { createHash } from 'node:crypto';
import {
  type EndpointSlice,
  type Endpoints,
  type Informer,
  isNotFound,
  keyOf,
  type Pod,
  resources,
  type Service,
  splitKey,
} from '@berth/kube';
import { type ControllerDeps, RunningController } from '../controller-deps.ts';
import { endpointsOf, portsOf, type ServiceEndpoint, type ServicePort, selects } from './endpoint-addresses.ts';

const managedBy = 'endpointslice-controller.k8s.io';
const serviceLabel = 'kubernetes.io/service-name';

/** Keeps Endpoints and one EndpointSlice of every service with a selector; slices hold up to 1,000 (API maximum). */
export function startEndpointsController(deps: ControllerDeps, signal: AbortSignal): AsyncDisposable {
  const { informers } = deps;
  const services = informers.of(resources.services);
  const pods = informers.of(resources.pods);
  const writer = new EndpointsWriter(deps, services, pods);
  const running = new RunningController(deps, { name: 'endpoints', reconcile: (key) => writer.reconcile(key) }, signal);
  services.onChange((key) => running.queue.add(key));
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
  }

  async reconcile(key: string): Promise<undefined> {
    const service = this.#services.get(key);
    if (!service) return this.#remove(key);
    if (!service.spec?.selector || service.spec.type === 'ExternalName') return;
    const pods = this.#pods.list(service.metadata.namespace as string).filter((pod) => selects(service, pod));
    const addresses = endpointsOf(service, pods);
    const ports = portsOf(service, pods);
    await this.#writeEndpoints(service, addresses, ports);
    await this.#writeSlice(service, addresses, ports);
  }

  async #remove(key: string): Promise<undefined> {
    const { namespace, name } = splitKey(key);
    if (!this.#endpoints.get(key)) return;
    await this.#deps.client.delete(resources.endpoints, { namespace, name }).catch((error: unknown) => {
      if (!isNotFound(error)) throw error;
    });
  }

  async #writeEndpoints(
    service: Service,
    addresses: readonly ServiceEndpoint[],
    ports: readonly ServicePort[],
  ): Promise<void> {
    const headless = service.spec?.clusterIP === 'None' ? { 'service.kubernetes.io/headless': '' } : {};
    const labels = {
      ...service.metadata.labels,
      'endpoints.kubernetes.io/managed-by': 'endpoint-controller',
      ...headless,
    };
    const side = (ready: boolean) =>
      addresses.filter((one) => one.ready === ready && (ready || !one.terminating)).map(asAddress);
    const subset = {
      ...list('addresses', side(true)),
      ...list('notReadyAddresses', side(false)),
      ...list('ports', ports.map(asPort)),
    };
    const subsets = 'addresses' in subset || 'notReadyAddresses' in subset ? [subset] : [];
    const present = this.#endpoints.get(keyOf(service));
    const content = subsets.length > 0 ? { subsets } : {};
    if (!present) {
      const { name, namespace } = service.metadata as { name: string; namespace: string };
      await this.#deps.client.create(resources.endpoints, {
        metadata: { name, namespace, labels },
        ...content,
      } as Endpoints);
    } else if (JSON.stringify(present.subsets ?? []) !== JSON.stringify(subsets)) {
      const { subsets: _, ...rest } = present;
      await this.#deps.client.update(resources.endpoints, {
        ...rest,
        metadata: { ...rest.metadata, labels },
        ...content,
      } as Endpoints);
    }
  }

  async #writeSlice(
    service: Service,
    addresses: readonly ServiceEndpoint[],
    ports: readonly ServicePort[],
  ): Promise<void> {
    const { name, namespace, uid } = service.metadata as { name: string; namespace: string; uid: string };
    const headless = service.spec?.clusterIP === 'None' ? { 'service.kubernetes.io/headless': '' } : {};
    const labels = {
      ...service.metadata.labels,
      [serviceLabel]: name,
      'endpointslice.kubernetes.io/managed-by': managedBy,
      ...headless,
    };
    // A slice without endpoints only says that there are none (endpointslice reconciler's placeholder).
    const content = {
      endpoints: addresses.slice(0, 1000).map(asSliceEndpoint),
      ports: addresses.length > 0 ? ports.map(asPort) : [],
    };
    // A name fixed by the service: two racing writers cannot make two slices.
    const sliceName = `${name}-${createHash('sha256').update(uid).digest('hex').slice(0, 5)}`;
    const present = this.#slices.get(`${namespace}/${sliceName}`);
    if (!present) {
      const ownerReferences = [
        { apiVersion: 'v1', kind: 'Service', name, uid, controller: true, blockOwnerDeletion: true },
      ];
      const metadata = { name: sliceName, generateName: `${name}-`, namespace, labels, ownerReferences };
      await this.#deps.client.create(resources.endpointslices, {
        metadata,
        addressType: 'IPv4',
        ...content,
      } as EndpointSlice);
    } else if (
      JSON.stringify([present.endpoints ?? [], present.ports ?? []]) !==
      JSON.stringify([content.endpoints, content.ports])
    ) {
      await this.#deps.client.update(resources.endpointslices, {
        ...present,
        metadata: { ...present.metadata, labels },
        ...content,
      });
    }
  }
}

function asAddress({ ip, hostname, nodeName, target }: ServiceEndpoint) {
  return { ip, ...(hostname ? { hostname } : {}), ...(nodeName ? { nodeName } : {}), targetRef: target };
}

function asSliceEndpoint({ ip, hostname, nodeName, target, ready, serving, terminating }: ServiceEndpoint) {
  const conditions = { ready, serving, terminating };
  return {
    addresses: [ip],
    conditions,
    ...(hostname ? { hostname } : {}),
    targetRef: target,
    ...(nodeName ? { nodeName } : {}),
  };
}

function asPort({ name, port, protocol }: ServicePort) {
  return { name, port, protocol };
}

function list<K extends string, T>(key: K, items: readonly T[]): Partial<Record<K, readonly T[]>> {
  return items.length > 0 ? ({ [key]: items } as Partial<Record<K, readonly T[]>>) : {};
}

function sameForServices(a: Pod, b: Pod): boolean {
  const view = ({ metadata, status }: Pod) =>
    JSON.stringify([
      metadata.uid,
      metadata.labels,
      metadata.deletionTimestamp,
      status?.podIP,
      status?.phase,
      status?.conditions?.find(({ type }) => type === 'Ready')?.status,
    ]);
  return view(a) === view(b);
}
