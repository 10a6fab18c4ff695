import type { Clock, Rng } from '@berth/kit';
import type { ServicePort, ServiceSpec } from '@berth/kube';
import type { StoreEvent } from '../../store/store.ts';
import { StoreError } from '../../store/store-error.ts';
import { invalid } from '../invalid.ts';
import type { ObjectStorage } from '../object-storage.ts';
import type { AnyObject } from '../resource-definition.ts';
import { keepAllocated } from '../resources/core/service-allocation.ts';
import { AddressRange, Pool } from '../service-addresses.ts';
import { type AdmissionPlugin, type AdmissionRequest, isResource } from './admission.ts';

const nodePorts = { first: 30_000, count: 2768 } as const;

export interface AllocationOptions {
  readonly cidr: string;
  readonly clock: Clock;
  readonly rng: Rng;
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
    const free = isAddress(value) ? this.#addresses.reserve([value]) : this.#ports.reserve([Number(value)]);
    return free !== undefined && (await this.#storage?.reserve(value)) !== false;
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
      if (signal.aborted || !(error instanceof StoreError) || error.code !== 'Compacted') return;
      await this.start(storage, signal).catch(() => undefined);
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
    if (request.old?.spec) keepAllocated(spec, request.old.spec as ServiceSpec);
    await this.#giveAddress(request, spec);
    await this.#givePorts(request, spec);
  };

  /** The first of `candidates` that no Service has, of this server or of another. */
  async #take<T extends string | number>(
    pool: Pool<T>,
    candidates: Iterable<T>,
    dryRun: boolean,
  ): Promise<T | undefined> {
    for (const value of candidates) {
      if (pool.reserve([value]) === undefined) continue;
      if (dryRun || ((await this.#storage?.reserve(String(value))) !== false && !pool.isUsed(value))) return value;
    }
    return undefined;
  }

  async #giveAddress(request: AdmissionRequest, spec: ServiceSpec): Promise<void> {
    if (spec.type === 'ExternalName' || spec.clusterIP === 'None' || spec.clusterIPs?.[0] === 'None') return;
    const asked = spec.clusterIP || spec.clusterIPs?.[0];
    const had = addressesOf(request.old);
    if (asked !== undefined && had.includes(asked)) return;
    if (asked !== undefined && !isAddress(asked)) return;
    const address = await (asked === undefined ? this.#anyAddress(request) : this.#thisAddress(asked, request));
    spec.clusterIP = address;
    spec.clusterIPs = [address];
  }

  async #anyAddress({ dryRun }: AdmissionRequest): Promise<string> {
    const { range } = this;
    const start = Math.floor(this.#rng.next() * range.usable);
    const candidates = function* () {
      // The first address is the API server's own.
      for (let i = 0; i < range.usable; i++) yield range.at(2 + ((start + i) % (range.usable - 1)));
    };
    const address = await this.#take(this.#addresses, candidates(), dryRun);
    if (address === undefined) throw new Error(`every address of ${range.cidr} is in use`);
    return address;
  }

  async #thisAddress(asked: string, { definition, name, dryRun }: AdmissionRequest): Promise<string> {
    const why = !this.range.includes(asked)
      ? `the provided IP (${asked}) is not in the valid range. The range of valid IPs is ${this.range.cidr}`
      : (await this.#take(this.#addresses, [asked], dryRun)) === undefined
        ? 'provided IP is already allocated'
        : undefined;
    if (why === undefined) return asked;
    const message = `Invalid value: ${JSON.stringify([asked])}: failed to allocate IP ${asked}: ${why}`;
    throw invalid(definition, name, [{ reason: 'FieldValueInvalid', field: 'spec.clusterIPs', message }]);
  }

  async #givePorts({ definition, name, old, dryRun }: AdmissionRequest, spec: ServiceSpec): Promise<void> {
    if (spec.type !== 'NodePort' && spec.type !== 'LoadBalancer') return;
    const had = new Set(old ? portsOf(old) : []);
    for (const [i, port] of (spec.ports ?? []).entries()) {
      if (port.nodePort) {
        if (had.has(port.nodePort) || (await this.#take(this.#ports, [port.nodePort], dryRun)) !== undefined) continue;
        const message = `Invalid value: ${port.nodePort}: provided port is already allocated`;
        throw invalid(definition, name, [{ reason: 'FieldValueInvalid', field: `spec.ports[${i}].nodePort`, message }]);
      }
      const start = Math.floor(this.#rng.next() * nodePorts.count);
      const candidates = Array.from(
        { length: nodePorts.count },
        (_, k) => nodePorts.first + ((start + k) % nodePorts.count),
      );
      const given = await this.#take(this.#ports, candidates, dryRun);
      if (given === undefined) throw new Error('every node port is in use');
      port.nodePort = given;
    }
  }
}

function addressesOf(service: AnyObject | undefined): readonly string[] {
  return ((service?.spec?.clusterIPs as string[] | undefined) ?? []).filter(isAddress);
}

function portsOf(service: AnyObject): readonly number[] {
  const ports = (service.spec?.ports as ServicePort[] | undefined) ?? [];
  return ports.flatMap(({ nodePort }) => (nodePort ? [nodePort] : []));
}

function isAddress(text: string): boolean {
  return /^\d+\.\d+\.\d+\.\d+$/.test(text);
}
