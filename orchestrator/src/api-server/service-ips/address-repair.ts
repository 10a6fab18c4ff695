import { Backoff, runController, WorkQueue } from '@berth/kit';
import { type EventRecorder, type IPAddress, isConflict, type Service, type ServiceCIDR } from '@berth/kube';
import { followObjects } from '../follow-objects.ts';
import type { ObjectStorage } from '../object-storage.ts';
import type { AnyObject } from '../resource-definition.ts';
import { canonicalIp, familyOf, givesOut } from '../resources/ip-form.ts';
import type { ServerContext } from '../server-context.ts';
import { addressesOf, type Holder, IpAddresses, ipAllocator, ipLabels } from './ip-addresses.ts';

/** Upstream's: so long a request may be on its way from the address to the Service. */
const creatingMs = 60_000;
/** So long one that fails may be on its way back. */
const revertingMs = 5_000;

const workers = 2;

/** `service/NAMESPACE/NAME` or `address/IP`. */
type Key = `service/${string}` | `address/${string}`;

/** What tells of Services: see ServiceAllocation. */
interface Services {
  observe(observer: {
    readonly changed: (service: AnyObject) => void;
    readonly dropped: (addresses: readonly string[]) => void;
  }): void;
}

/**
 * Each cluster IP of a Service has its IPAddress, and no IPAddress of the allocator is without: what older servers did not make
 * is made, what a server that died, or a user, left is removed (ipallocator/controller/repairip.go). Looks at what changes.
 */
export class AddressRepair {
  readonly #context: ServerContext;
  readonly #addresses: IpAddresses;
  readonly #services: ObjectStorage;
  readonly #ranges: ObjectStorage;
  readonly #events: EventRecorder;
  readonly #queue: WorkQueue<Key>;

  private constructor(
    context: ServerContext,
    parts: { addresses: IpAddresses; services: ObjectStorage; ranges: ObjectStorage; events: EventRecorder },
  ) {
    this.#context = context;
    this.#addresses = parts.addresses;
    this.#services = parts.services;
    this.#ranges = parts.ranges;
    this.#events = parts.events;
    this.#queue = new WorkQueue({ clock: context.clock, backoff: new Backoff({ initialMs: 5, maxMs: 1_000_000 }) });
  }

  /** Undefined where such kinds are not served. `events` are those of ipallocator-repair-controller. */
  static of(context: ServerContext, events: EventRecorder): AddressRepair | undefined {
    const addresses = IpAddresses.of(context);
    const services = context.storageOf('', 'services');
    const ranges = context.storageOf('networking.k8s.io', 'servicecidrs');
    return addresses && services && ranges && new AddressRepair(context, { addresses, services, ranges, events });
  }

  /** Runs until `signal`. @throws ApiError – what is there cannot be read. */
  async run(services: Services, signal: AbortSignal): Promise<void> {
    const { log, clock } = this.#context;
    const queue = this.#queue;
    services.observe({
      changed: (service) => this.#see(service),
      // Whoever took them away is about to remove the objects, too.
      dropped: (addresses) => {
        for (const address of addresses) queue.addAfter(`address/${address}`, creatingMs);
      },
    });
    const { objects } = await this.#services.range({ namespace: '', notOlderThan: 0 });
    for (const { object } of objects) this.#see(object);
    await followObjects(
      this.#addresses.storage,
      {
        reset: () => undefined,
        set: ({ metadata }) => queue.add(`address/${metadata.name}`),
        remove: ({ spec }) => {
          const { resource, namespace, name } = spec?.parentRef ?? {};
          if (resource === 'services') queue.add(`service/${namespace}/${name}`);
        },
      },
      { log, clock, signal },
    );
    const reconcile = (key: Key) => this.#sync(key);
    await runController({ name: 'ipallocator-repair', queue, reconcile, workers, log, signal, isConflict });
  }

  #see({ metadata, spec }: AnyObject): void {
    if (addressesOf(spec).length > 0) this.#queue.add(`service/${metadata.namespace}/${metadata.name}`);
  }

  async #sync(key: Key): Promise<undefined | { afterMs: number }> {
    const [what, first = '', name = ''] = key.split('/');
    if (what === 'address') return this.#syncAddress(first);
    await this.#syncService(first, name);
    return undefined;
  }

  async #syncService(namespace: string, name: string): Promise<void> {
    const found = await this.#services.find(namespace, name, 0);
    const service = found?.object as Service | undefined;
    if (!service || service.spec?.type === 'ExternalName') return;
    for (const address of addressesOf(service.spec)) await this.#syncUse(address, service, { namespace, name });
  }

  /** That a Service has such an address. */
  async #syncUse(shown: string, service: Service, holder: Holder): Promise<void> {
    const warn = (reason: string, note: string) =>
      this.#events.event(service, 'Warning', reason, note, { action: 'ClusterIPAllocation' });
    const address = canonicalIp(shown);
    if (address === undefined) return;
    const family = familyOf(address);
    if (await this.#isOutside(address))
      return warn(
        'ClusterIPOutOfRange',
        `Cluster IP [${family}]: ${address} is not within any configured Service CIDR; please recreate service`,
      );
    const found = (await this.#addresses.storage.find('', address, 0))?.object as IPAddress | undefined;
    if (!found) {
      // Removed a moment ago, its Service may be going, too.
      if (!addressesOf((await this.#services.find(holder.namespace, holder.name))?.object.spec).includes(shown)) return;
      if (!(await this.#addresses.take(address, holder))) return;
      return warn('ClusterIPNotAllocated', `Cluster IP [${family}]: ${address} is not allocated; repairing`);
    }
    const other = await this.#otherHolder(found, holder);
    if (other === 'wrong') {
      const where = `the ClusterIP [${family}]: ${address} for Service ${holder.namespace}/${holder.name}`;
      warn('ClusterIPNotAllocated', `${where} has a wrong reference; repairing`);
    } else if (other === 'another Service')
      warn(
        'ClusterIPAlreadyAllocated',
        `Cluster IP [${family}]:${address} was assigned to multiple services; please recreate service`,
      );
    if (other === 'wrong' || (other === undefined && !hasLabels(found))) {
      await this.#addresses.remove(found as AnyObject);
      await this.#addresses.take(address, holder);
    }
  }

  /** Whose an address is that is not `holder`'s. */
  async #otherHolder({ metadata, spec }: IPAddress, holder: Holder): Promise<'wrong' | 'another Service' | undefined> {
    const { group = '', resource, namespace = '', name = '' } = spec?.parentRef ?? {};
    if (group !== '' || resource !== 'services') return 'wrong';
    if (namespace === holder.namespace && name === holder.name) return undefined;
    const other = await this.#services.find(namespace, name);
    return addressesOf(other?.object.spec).includes(metadata.name ?? '') ? 'another Service' : 'wrong';
  }

  async #syncAddress(name: string): Promise<undefined | { afterMs: number }> {
    const found = (await this.#addresses.storage.find('', name, 0))?.object as IPAddress | undefined;
    if (found?.metadata.labels?.[ipLabels.managedBy] !== ipAllocator) return undefined;
    const { group = '', resource = '', namespace = '', name: holder = '' } = found.spec?.parentRef ?? {};
    if (group !== '' || resource !== 'services') {
      const shown = `&ParentReference{Group:${group},Resource:${resource},Namespace:${namespace},Name:${holder},}`;
      const note = `IPAddress ${name} appears to have been modified, not referencing a Service ${shown}: cleaning up`;
      return this.#remove(found, 'IPAddressNotAllocated', note);
    }
    const age = this.#context.clock.now() - Date.parse(found.metadata.creationTimestamp ?? '');
    const known = (await this.#services.find(namespace, holder, 0))?.object as Service | undefined;
    if (addressesOf(known?.spec).includes(name)) return undefined;
    // The object is there before its Service is, or has it.
    if ((!known || known.spec?.type === 'ExternalName') && age <= creatingMs) return { afterMs: creatingMs - age + 1 };
    if (known && age < revertingMs && isLater(found, known)) return { afterMs: revertingMs };
    const service = (await this.#services.find(namespace, holder))?.object as Service | undefined;
    if (addressesOf(service?.spec).includes(name)) return undefined;
    const about = `IPAddress: ${name} for Service ${namespace}/${holder}`;
    return service
      ? this.#remove(found, 'IPAddressWrongReference', `${about} has a wrong reference; cleaning up`)
      : this.#remove(found, 'IPAddressNotAllocated', `${about} appears to have leaked: cleaning up`);
  }

  async #remove(address: IPAddress, reason: string, note: string): Promise<undefined> {
    this.#events.event(address, 'Warning', reason, note, { action: 'IPAddressAllocation' });
    await this.#addresses.remove(address as AnyObject);
  }

  async #isOutside(address: string): Promise<boolean> {
    const { objects } = await this.#ranges.range({ namespace: '', notOlderThan: 0 });
    const cidrs = objects.flatMap(({ object }) => (object as ServiceCIDR).spec?.cidrs ?? []);
    return !cidrs.some((cidr) => givesOut(cidr, address));
  }
}

function isLater({ metadata: a }: IPAddress, { metadata: b }: Service): boolean {
  return Date.parse(a.creationTimestamp ?? '') > Date.parse(b.creationTimestamp ?? '');
}

function hasLabels({ metadata: { name = '', labels = {} } }: IPAddress): boolean {
  return labels[ipLabels.family] === familyOf(name) && labels[ipLabels.managedBy] === ipAllocator;
}
