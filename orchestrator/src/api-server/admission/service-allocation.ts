import type { Clock, Rng } from '@berth/kit';
import type { ServiceSpec } from '@berth/kube';
import type { StoreEvent } from '../../store/store.ts';
import { isBehind, onceStoreAnswers } from '../follow-objects.ts';
import { invalid } from '../invalid.ts';
import type { ObjectStorage } from '../object-storage.ts';
import type { AnyObject } from '../resource-definition.ts';
import { alignAddresses, keepAllocated } from '../resources/core/service-allocation.ts';
import { initFamilies } from '../resources/core/service-families.ts';
import { invalid as wrongField } from '../resources/field.ts';
import { AddressRange, Pool } from '../service-addresses.ts';
import { type AdmissionPlugin, type AdmissionRequest, isResource } from './admission.ts';
import { givePorts, nodePorts, nodePortsOf, type PortGiver } from './service-ports.ts';

export interface AllocationOptions {
  readonly cidr: string;
  readonly clock: Clock;
  readonly rng: Rng;
}

/** A request, and what it has taken so far. */
interface Taking {
  readonly request: AdmissionRequest;
  readonly taken: Set<string | number>;
}

/** Gives Services their cluster IPs and node ports; what is taken is followed from the store. */
export class ServiceAllocation {
  readonly range: AddressRange;
  readonly #rng: Rng;
  readonly #addresses: Pool<string>;
  readonly #ports: Pool<number>;
  #storage: ObjectStorage | undefined;

  constructor({ cidr, clock, rng }: AllocationOptions) {
    this.range = new AddressRange(cidr);
    this.#rng = rng;
    this.#addresses = new Pool(clock);
    this.#ports = new Pool(clock);
  }

  /** Reads what is taken, then follows the store until `signal` aborts. */
  async start(storage: ObjectStorage, signal: AbortSignal): Promise<void> {
    this.#storage = storage;
    const { objects, revision } = await storage.range({ namespace: '' });
    this.#addresses.clear();
    this.#ports.clear();
    for (const { object } of objects) this.#note(object);
    void this.#follow(storage, storage.watch('', revision, signal), signal);
  }

  /** Takes an address or a port for another server of the same store; false: it is not free. */
  async reserve(value: string): Promise<boolean> {
    const isFree = isAddress(value) ? this.#addresses.reserve(value) : this.#ports.reserve(Number(value));
    return isFree && (await this.#storage?.reserve(value)) !== false;
  }

  async #follow(
    storage: ObjectStorage,
    events: AsyncIterable<readonly StoreEvent[]>,
    signal: AbortSignal,
  ): Promise<void> {
    try {
      for await (const batch of events)
        for (const { type, item, previous } of batch) {
          if (previous) this.#giveBack(storage.view(previous).object);
          if (type === 'put') this.#note(storage.view(item).object);
        }
    } catch (error) {
      // Closed: nothing is given out any more. Fallen behind: what is taken is read again.
      if (signal.aborted || !isBehind(error)) return;
      await onceStoreAnswers(() => this.start(storage, signal), signal).catch(() => undefined);
    }
  }

  #note(service: AnyObject): void {
    const owner = service.metadata.uid ?? '';
    for (const address of addressesOf(service)) this.#addresses.use(address, owner);
    for (const port of portsOf(service)) this.#ports.use(port, owner);
  }

  #giveBack(service: AnyObject): void {
    const owner = service.metadata.uid ?? '';
    for (const address of addressesOf(service)) this.#addresses.release(address, owner);
    for (const port of portsOf(service)) this.#ports.release(port, owner);
  }

  readonly admit: AdmissionPlugin = async (request) => {
    if (request.operation === 'delete' || !isResource(request, '', 'services')) return;
    const spec = request.object.spec as ServiceSpec | undefined;
    if (!spec) return;
    const old = request.old?.spec as ServiceSpec | undefined;
    if (old) keepAllocated(spec, old);
    else alignAddresses(spec);
    const errors = initFamilies(spec, old);
    if (errors.length > 0) throw invalid(request.definition, request.name, errors);
    const taking = { request, taken: new Set<string | number>() };
    try {
      // Who has an address keeps it; that another is asked for is told by the rules of updates (allocUpdate).
      if (!old || old.type === 'ExternalName') await this.#giveAddress(taking, spec);
      await givePorts({ request, spec, old, giver: this.#portGiver(taking) });
    } catch (error) {
      this.#giveUp(taking);
      throw error;
    }
  };

  /** The first of `candidates` that no Service has, of this server or of another, nor this request. */
  async #take<T extends string | number>(
    pool: Pool<T>,
    candidates: Iterable<T>,
    { request, taken }: Taking,
  ): Promise<T | undefined> {
    const { dryRun } = request;
    const holder = holderOf(request);
    for (const value of candidates) {
      if (taken.has(value) || !(dryRun ? pool.isFree(value, holder) : pool.reserve(value, holder))) continue;
      taken.add(value);
      if (dryRun || ((await this.#storage?.reserve(String(value))) !== false && !pool.isUsed(value))) return value;
    }
    return undefined;
  }

  #giveUp({ request, taken }: Taking): void {
    const holder = holderOf(request);
    for (const value of taken)
      if (typeof value === 'string') this.#addresses.giveUp(value, holder);
      else this.#ports.giveUp(value, holder);
  }

  #portGiver(taking: Taking): PortGiver {
    const { first, count } = nodePorts;
    const take = (candidates: readonly number[]) => this.#take(this.#ports, candidates, taking);
    const anyOf = () => {
      const start = Math.floor(this.#rng.next() * count);
      return Array.from({ length: count }, (_, k) => first + ((start + k) % count));
    };
    const { dryRun } = taking.request;
    const takeAny = async () => (dryRun ? guessedPort(taking.taken) : take(anyOf()));
    return { dryRun, take: async (port) => (await take([port])) !== undefined, takeAny };
  }

  async #giveAddress(taking: Taking, spec: ServiceSpec): Promise<void> {
    if (spec.type === 'ExternalName' || spec.clusterIP === 'None' || spec.clusterIPs?.[0] === 'None') return;
    const asked = spec.clusterIP || spec.clusterIPs?.[0];
    const had = addressesOf(taking.request.old);
    if (asked !== undefined && had.includes(asked)) return;
    if (asked !== undefined && !isAddress(asked)) return;
    // Of what is only tried upstream looks for none.
    const any = () => (taking.request.dryRun ? this.range.at(0) : this.#anyAddress(taking));
    const address = await (asked === undefined ? any() : this.#thisAddress(asked, taking));
    spec.clusterIP = address;
    spec.clusterIPs = [address];
  }

  async #anyAddress(taking: Taking): Promise<string> {
    const { range } = this;
    const start = Math.floor(this.#rng.next() * range.usable);
    const candidates = function* () {
      // The first address is the API server's own.
      for (let i = 0; i < range.usable; i++) yield range.at(2 + ((start + i) % (range.usable - 1)));
    };
    const address = await this.#take(this.#addresses, candidates(), taking);
    if (address === undefined) throw new Error(`every address of ${range.cidr} is in use`);
    return address;
  }

  async #thisAddress(asked: string, taking: Taking): Promise<string> {
    const { definition, name, dryRun } = taking.request;
    const { cidr } = this.range;
    const outside = dryRun
      ? `the provided IP (${asked}) is not in the valid range. The range of valid IPs is ${cidr}`
      : 'the provided network does not match the current range';
    const why = !this.range.includes(asked)
      ? outside
      : // Of what is only tried upstream does not look whether it is taken.
        !dryRun && (await this.#take(this.#addresses, [asked], taking)) === undefined
        ? 'provided IP is already allocated'
        : undefined;
    if (why === undefined) return asked;
    throw invalid(definition, name, [wrongField('spec.clusterIPs', [asked], `failed to allocate IP ${asked}: ${why}`)]);
  }
}

/** What upstream shows for a node port that is only tried: the one after those that are asked for, or after this. */
const guessedAfter = 32_768;

function guessedPort(taken: Set<string | number>): number {
  const ports = [...taken].filter((value) => typeof value === 'number');
  const port = (ports.length > 0 ? Math.max(...ports) : guessedAfter) + 1;
  taken.add(port);
  return port;
}

/** Who may have again what a request for it took in vain. */
function holderOf({ namespace, name }: AdmissionRequest): string {
  return `${namespace}/${name}`;
}

function addressesOf(service: AnyObject | undefined): readonly string[] {
  return ((service?.spec?.clusterIPs as string[] | undefined) ?? []).filter(isAddress);
}

function portsOf({ spec = {} }: AnyObject): readonly number[] {
  const { healthCheckNodePort } = spec as ServiceSpec;
  return [...nodePortsOf(spec), ...(healthCheckNodePort ? [healthCheckNodePort] : [])];
}

function isAddress(text: string): boolean {
  return /^\d+\.\d+\.\d+\.\d+$/.test(text);
}
