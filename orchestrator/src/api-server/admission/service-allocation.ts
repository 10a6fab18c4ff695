import type { Clock, Rng } from '@berth/kit';
import type { ServiceSpec } from '@berth/kube';
import type { StoreEvent } from '../../store/store.ts';
import { followChanges } from '../follow-objects.ts';
import { invalid } from '../invalid.ts';
import { AllocationMetrics, type AllocationScope } from '../metrics/allocation-metrics.ts';
import type { ObjectStorage } from '../object-storage.ts';
import type { AnyObject, ResourceDefinition } from '../resource-definition.ts';
import { alignAddresses, keepAllocated, withBothForms } from '../resources/core/service-allocation.ts';
import { initFamilies, type ServedFamilies } from '../resources/core/service-families.ts';
import type { ServerContext } from '../server-context.ts';
import { AddressRange } from '../service-ips/address-range.ts';
import { addressesOf } from '../service-ips/ip-addresses.ts';
import { upperFirst } from '../service-ips/upper-first.ts';
import { type AdmissionPlugin, type AdmissionRequest, isResource } from './admission.ts';
import { ServiceIps } from './service-ips.ts';
import { givePorts, nodePortsOf, type PortGiver, type PortRange } from './service-ports.ts';
import { Pool } from './value-pool.ts';

/** What is given out (--service-cluster-ip-range, --service-node-port-range). */
export interface ServiceRanges {
  /** One of each family; that of the first is the one which Services have by themselves. */
  readonly cidrs: readonly [string, ...string[]];
  readonly nodePorts: PortRange;
}

export interface AllocationOptions extends ServiceRanges {
  readonly clock: Clock;
  readonly rng: Rng;
}

/** Of node ports (portallocator calculateRangeOffset). */
const lowerPorts = { share: 32, atLeast: 16, atMost: 128 } as const;

/** Hears of Services as they come and go. */
export interface ServiceObserver {
  readonly changed: (service: AnyObject) => void;
  /** It has these addresses no more. */
  readonly dropped: (addresses: readonly string[]) => void;
}

/** A request, and what it has taken so far. */
interface Taking {
  readonly request: AdmissionRequest;
  readonly taken: Set<number>;
}

/** Gives Services their cluster IPs and node ports; what is taken is followed from the store. */
export class ServiceAllocation {
  readonly ranges: readonly [AddressRange, ...AddressRange[]];
  readonly #families: ServedFamilies;
  readonly #nodePorts: PortRange;
  readonly #rng: Rng;
  readonly #ports: Pool<number>;
  #ips: ServiceIps | undefined;
  #metrics: AllocationMetrics | undefined;
  #storage: ObjectStorage | undefined;
  #observer: ServiceObserver | undefined;

  constructor({ cidrs: [first, ...others], nodePorts, clock, rng }: AllocationOptions) {
    const primary = new AddressRange(first);
    const more = others.map((cidr) => new AddressRange(cidr));
    this.ranges = [primary, ...more];
    this.#families = [primary.family, ...more.map(({ family }) => family)];
    this.#nodePorts = nodePorts;
    this.#rng = rng;
    this.#ports = new Pool(clock);
  }

  /** Reads what is taken, then follows the store until `signal` aborts. */
  async start(context: ServerContext, signal: AbortSignal): Promise<void> {
    const storage = context.storageOf('', 'services');
    if (!storage) return;
    this.#storage = storage;
    const ips = new ServiceIps(context, this.ranges);
    const ports = () => ({ used: this.#ports.used, free: this.#nodePorts.count - this.#ports.used });
    const now = { addresses: () => ips.uses(), ports };
    this.#metrics = new AllocationMetrics(context.metrics.registry, context.clock, now);
    ips.countIn(this.#metrics);
    this.#ips = ips;
    const following = {
      read: () => this.#read(storage),
      changed: (events: readonly StoreEvent[]) => {
        for (const each of events) this.#changed(storage, each);
      },
    };
    await followChanges(storage, following, { log: context.log, clock: context.clock, signal });
  }

  /** From now on. */
  observe(observer: ServiceObserver): void {
    this.#observer = observer;
  }

  /** Takes a port for another server of the same store; false: it is not free. */
  async reserve(port: string): Promise<boolean> {
    return this.#ports.reserve(Number(port)) && (await this.#storage?.reserve(port)) !== false;
  }

  /** See Admission. */
  removed({ group, plural }: ResourceDefinition, object: AnyObject): Promise<void> | undefined {
    return group === '' && plural === 'services' ? this.#ips?.release(addressesOf(object.spec), object) : undefined;
  }

  async #read(storage: ObjectStorage): Promise<number> {
    const { objects, revision } = await storage.range({ namespace: '' });
    const services = objects.map(({ object }) => object);
    this.#ips?.clear();
    this.#ports.clear();
    for (const each of services) this.#note(each);
    return revision;
  }

  #changed(storage: ObjectStorage, { type, item, previous }: StoreEvent): void {
    const old = previous && storage.view(previous).object;
    const next = type === 'put' ? storage.view(item).object : undefined;
    if (old) this.#giveBack(old);
    if (next) this.#note(next);
    const has = addressesOf(next?.spec);
    const dropped = addressesOf(old?.spec).filter((each) => !has.includes(each));
    if (dropped.length > 0) this.#observer?.dropped(dropped);
  }

  #note(service: AnyObject): void {
    const owner = service.metadata.uid ?? '';
    this.#ips?.use(service);
    for (const port of portsOf(service)) this.#ports.use(port, owner);
    this.#observer?.changed(service);
  }

  #giveBack(service: AnyObject): void {
    const owner = service.metadata.uid ?? '';
    this.#ips?.unuse(service);
    for (const port of portsOf(service)) this.#ports.release(port, owner);
  }

  readonly admit: AdmissionPlugin = async (request) => {
    if (request.operation === 'delete' || !isResource(request, '', 'services')) return;
    const spec = request.object.spec as ServiceSpec | undefined;
    if (!spec) return;
    const stored = request.old?.spec as ServiceSpec | undefined;
    const old = stored && withBothForms(stored);
    if (old) keepAllocated(spec, old);
    else alignAddresses(spec);
    const errors = initFamilies(spec, old, this.#families);
    if (errors.length > 0) throw invalid(request.definition, request.name, errors);
    const taking = { request, taken: new Set<number>() };
    try {
      // Who has an address keeps it; that another is asked for is told by the rules of updates (updateClusterIPs).
      if (!old || old.type === 'ExternalName') await this.#ips?.give(request, spec);
      else if (old.clusterIPs?.[0] !== 'None' && old.ipFamilies?.length === 1 && spec.ipFamilies?.length === 2)
        await this.#ips?.give(request, spec, 1);
      await givePorts({ request, spec, old, giver: this.#portGiver(taking) });
    } catch (error) {
      this.#giveUp(taking);
      throw error;
    }
    if (!request.old || request.dryRun) return;
    const has = addressesOf(spec);
    const dropped = addressesOf(old).filter((each) => !has.includes(each));
    if (dropped.length > 0) request.settlement?.onStored(async () => this.#ips?.release(dropped, request.object));
  };

  /** The first of `candidates` that no Service has, of this server or of another, nor this request. */
  async #take(candidates: Iterable<number>, { request, taken }: Taking): Promise<number | undefined> {
    const { dryRun } = request;
    const holder = holderOf(request);
    const pool = this.#ports;
    for (const port of candidates) {
      if (taken.has(port) || !(dryRun ? pool.isFree(port, holder) : pool.reserve(port, holder))) continue;
      taken.add(port);
      if (dryRun || ((await this.#storage?.reserve(String(port))) !== false && !pool.isUsed(port))) return port;
    }
    return undefined;
  }

  #giveUp({ request, taken }: Taking): void {
    for (const port of taken) this.#ports.giveUp(port, holderOf(request));
  }

  #portGiver(taking: Taking): PortGiver {
    const range = this.#nodePorts;
    const size = BigInt(range.count);
    const anyOf = () =>
      upperFirst({ size, usable: size, lower: lowerPorts, rng: this.#rng }).map((place) => range.first + Number(place));
    const { dryRun } = taking.request;
    const counted = async (scope: AllocationScope, candidates: Iterable<number>) => {
      const port = await this.#take(candidates, taking);
      if (!dryRun) this.#metrics?.port(scope, port !== undefined);
      return port;
    };
    return {
      range,
      dryRun,
      outside: () => this.#metrics?.port('static', false),
      take: async (port) => (await counted('static', [port])) !== undefined,
      takeAny: async () => (dryRun ? guessedPort(taking.taken) : counted('dynamic', anyOf())),
    };
  }
}

/** What upstream shows for a node port that is only tried: the one after those that are asked for, or after this. */
const guessedAfter = 32_768;

function guessedPort(taken: Set<number>): number {
  const port = (taken.size > 0 ? Math.max(...taken) : guessedAfter) + 1;
  taken.add(port);
  return port;
}

/** Who may have again what a request for it took in vain. */
function holderOf({ namespace, name }: AdmissionRequest): string {
  return `${namespace}/${name}`;
}

function portsOf({ spec = {} }: AnyObject): readonly number[] {
  const { healthCheckNodePort } = spec as ServiceSpec;
  return [...nodePortsOf(spec), ...(healthCheckNodePort ? [healthCheckNodePort] : [])];
}
