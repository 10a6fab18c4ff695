import {
  type EndpointSlice,
  type Endpoints,
  type Informer,
  isNotFound,
  resources,
  type Service,
  splitKey,
} from '@berth/kube';
import { semanticEqual } from '../../api-server/resources/equality.ts';
import { type ControllerDeps, RunningController } from '../controller-deps.ts';
import { isOfElection } from './is-of-election.ts';
import { type MirroredSlice, mirroredSlices } from './mirrored-slices.ts';
import { freeNames } from './plan-slices.ts';

const managedBy = 'endpointslicemirroring-controller.k8s.io';
const managedLabel = 'endpointslice.kubernetes.io/managed-by';
const serviceLabel = 'kubernetes.io/service-name';
const skipLabel = 'endpointslice.kubernetes.io/skip-mirror';

/** They say of the Endpoints what is not so of slices. */
const ownAnnotations = [
  'endpoints.kubernetes.io/last-change-trigger-time',
  'kubectl.kubernetes.io/last-applied-configuration',
];

/** Endpoints that somebody wrote for a service without a selector are EndpointSlices as well (pkg/controller/endpointslicemirroring). */
export function startEndpointSliceMirroring(deps: ControllerDeps, signal: AbortSignal): AsyncDisposable {
  const { informers } = deps;
  const services = informers.of(resources.services);
  const endpoints = informers.of(resources.endpoints);
  const slices = informers.of(resources.endpointslices);
  const mirror = new Mirror(deps, { services, endpoints, slices });
  const running = new RunningController(
    deps,
    {
      name: 'endpoint-slice-mirroring',
      queueName: 'endpoint_slice_mirroring',
      reconcile: (key) => mirror.reconcile(key),
    },
    signal,
  );
  services.onChange((key, { before, after }) => {
    if ([before, after].some((one) => one && !one.spec?.selector)) running.queue.add(key);
  });
  endpoints.onChange((key, { before, after }) => {
    if ([before, after].some((one) => one && isMirrored(one))) running.queue.add(key);
  });
  slices.onChange((_, { before, after }) => {
    for (const slice of [before, after]) for (const key of slice ? serviceOf(slice) : []) running.queue.add(key);
  });
  return running;
}

class Mirror {
  readonly #deps: ControllerDeps;
  readonly #services: Informer<Service>;
  readonly #endpoints: Informer<Endpoints>;
  readonly #slices: Informer<EndpointSlice>;

  constructor(
    deps: ControllerDeps,
    parts: { services: Informer<Service>; endpoints: Informer<Endpoints>; slices: Informer<EndpointSlice> },
  ) {
    this.#deps = deps;
    this.#services = parts.services;
    this.#endpoints = parts.endpoints;
    this.#slices = parts.slices;
    this.#slices.addIndex(byService, serviceOf);
  }

  async reconcile(key: string): Promise<undefined> {
    const endpoints = this.#endpoints.get(key);
    const service = this.#services.get(key);
    const present = this.#slices.byIndex(byService, key);
    const isWanted = endpoints && isMirrored(endpoints) && service && !service.spec?.selector;
    if (!isWanted) return this.#remove(key, present);
    const { slices, wrong, beyond } = mirroredSlices(endpoints);
    this.#tell(endpoints, wrong, beyond);
    const left = new Set(present);
    const take = (fits: (slice: EndpointSlice) => boolean) => {
      const found = [...left].find(fits);
      if (found) left.delete(found);
      return found;
    };
    const isOf = (wanted: MirroredSlice) => (slice: EndpointSlice) =>
      slice.addressType === wanted.addressType && semanticEqual(slice.ports, wanted.ports);
    const kept = slices.map((wanted) => ({ wanted, slice: take(isOf(wanted)) }));
    const names = freeNames(endpoints.metadata.name ?? '', endpoints.metadata.uid ?? '', present);
    for (const { wanted, slice = take(({ addressType }) => addressType === wanted.addressType) } of kept)
      await this.#write(endpoints, wanted, slice ?? (names.next().value as string));
    return this.#remove(key, [...left]);
  }

  async #write(endpoints: Endpoints, wanted: MirroredSlice, place: EndpointSlice | string): Promise<void> {
    const { client } = this.#deps;
    const { namespace, name = '', uid = '', deletionTimestamp } = endpoints.metadata;
    const annotations = Object.entries(endpoints.metadata.annotations ?? {}).filter(
      ([each]) => !ownAnnotations.includes(each),
    );
    const metadata = {
      labels: { ...endpoints.metadata.labels, [serviceLabel]: name, [managedLabel]: managedBy },
      ...(annotations.length > 0 ? { annotations: Object.fromEntries(annotations) } : {}),
      ownerReferences: [{ apiVersion: 'v1', kind: 'Endpoints', name, uid, controller: true, blockOwnerDeletion: true }],
    };
    const content = { addressType: wanted.addressType, endpoints: [...wanted.endpoints], ports: [...wanted.ports] };
    if (typeof place === 'string') {
      if (deletionTimestamp) return;
      const slice = { metadata: { ...metadata, name: place, generateName: `${name}-`, namespace }, ...content };
      await client.create(resources.endpointslices, slice as EndpointSlice);
      return;
    }
    const { labels, annotations: told, ownerReferences, ...rest } = place.metadata;
    const isSame = semanticEqual(
      [labels, told, ownerReferences, place.endpoints, place.ports],
      [metadata.labels, metadata.annotations, metadata.ownerReferences, content.endpoints, content.ports],
    );
    if (!isSame)
      await client.update(resources.endpointslices, { ...place, metadata: { ...rest, ...metadata }, ...content });
  }

  async #remove(key: string, slices: readonly EndpointSlice[]): Promise<undefined> {
    const { namespace } = splitKey(key);
    for (const { metadata } of slices)
      await this.#deps.client
        .delete(resources.endpointslices, { namespace, name: metadata.name as string })
        .catch((error: unknown) => {
          if (!isNotFound(error)) throw error;
        });
  }

  #tell(endpoints: Endpoints, wrong: number, beyond: number): void {
    const recorder = this.#deps.recorder('endpoint-slice-mirroring-controller');
    const warn = (reason: string, text: string) => recorder.event(endpoints, 'Warning', reason, text);
    if (wrong > 0) warn('InvalidIPAddress', `Skipped ${wrong} invalid IP addresses when mirroring to EndpointSlices`);
    if (beyond > 0)
      warn(
        'TooManyAddressesToMirror',
        `A max of 1000 addresses can be mirrored to EndpointSlices per Endpoints subset. ${wrong + beyond} addresses were skipped`,
      );
  }
}

const byService = 'mirroring/service';

function isMirrored(endpoints: Endpoints): boolean {
  return endpoints.metadata.labels?.[skipLabel] !== 'true' && !isOfElection(endpoints);
}

/** Key of the service whose mirrored slice it is. */
function serviceOf({ metadata: { namespace, labels } }: EndpointSlice): string[] {
  const name = labels?.[serviceLabel];
  return labels?.[managedLabel] === managedBy && name ? [`${namespace}/${name}`] : [];
}
