import { messageOf } from '@berth/kit';
import type { ServiceSpec } from '@berth/kube';
import { turns } from '../decoding/turns.ts';
import { invalid } from '../invalid.ts';
import type { AllocationMetrics, AllocationScope, RangeUse } from '../metrics/allocation-metrics.ts';
import type { AnyObject } from '../resource-definition.ts';
import { invalid as wrongField } from '../resources/field.ts';
import type { AddressFamily } from '../resources/ip-form.ts';
import type { ServerContext } from '../server-context.ts';
import type { AddressRange } from '../service-ips/address-range.ts';
import { addressesOf, IpAddresses } from '../service-ips/ip-addresses.ts';
import { readyRanges } from '../service-ips/service-ranges.ts';
import type { AdmissionRequest } from './admission.ts';
import { allocationFailed } from './service-ports.ts';

/** In units of {@link turns}, for an address that somebody has: of a range that is nearly full there are many. */
const lookingCost = 1;

/** Of what is only tried, where no range is. */
const notReady = 'allocator not ready';

/** How a request asks for an address. */
interface Asking {
  readonly request: AdmissionRequest;
  readonly spec: ServiceSpec;
  readonly family: AddressFamily;
}

/** Gives Services their cluster IPs, each an IPAddress of the store, out of the ranges of the ServiceCIDRs. */
export class ServiceIps {
  readonly #context: ServerContext;
  /** Where the store has no ServiceCIDRs. */
  readonly #configured: readonly AddressRange[];
  readonly #addresses: IpAddresses | undefined;
  /** By Services that the store has: those of older servers have no IPAddress yet. */
  readonly #used = new Map<string, string>();
  #metrics: AllocationMetrics | undefined;

  constructor(context: ServerContext, configured: readonly AddressRange[]) {
    this.#context = context;
    this.#configured = configured;
    this.#addresses = IpAddresses.of(context);
  }

  /** What is given out from now on is counted. */
  countIn(metrics: AllocationMetrics): void {
    this.#metrics = metrics;
  }

  async uses(): Promise<readonly RangeUse[]> {
    const ranges = [...(await this.#ranges('IPv4', 0)), ...(await this.#ranges('IPv6', 0))];
    return ranges.map((range) => {
      let used = 0;
      for (const address of this.#used.keys()) if (range.includes(address)) used++;
      return { cidr: range.cidr, used, free: Number(range.usable) - used };
    });
  }

  /** All that is used is told anew. */
  clear(): void {
    this.#used.clear();
  }

  use({ metadata: { uid = '' }, spec }: AnyObject): void {
    for (const address of addressesOf(spec)) this.#used.set(address, uid);
  }

  /** The Service has them no more, or is about to be told anew. */
  unuse({ metadata: { uid }, spec }: AnyObject): void {
    for (const address of addressesOf(spec)) if (this.#used.get(address) === uid) this.#used.delete(address);
  }

  /**
   * Fills in a service's addresses, in place, one of each of its families from the `first` on; what comes of the request decides
   * whether it keeps them. @throws ApiError
   */
  async give(request: AdmissionRequest, spec: ServiceSpec, first = 0): Promise<void> {
    if (spec.type === 'ExternalName' || (first === 0 && spec.clusterIPs?.[0] === 'None')) return;
    const families = (spec.ipFamilies ?? []) as AddressFamily[];
    const asked = families.map((_, index) => spec.clusterIPs?.[index] ?? '');
    // What is told of one that is not given shows all as they were asked for.
    spec.clusterIPs = asked;
    const given = [...asked];
    for (const [index, family] of families.entries()) {
      if (index < first) continue;
      const asking = { request, spec, family };
      given[index] = await (asked[index] ? this.#this(asked[index], asking) : this.#any(asking));
    }
    spec.clusterIPs = given;
    if (given[0] !== undefined) spec.clusterIP = given[0];
  }

  /** What a Service had and has no more; afterwards, as nothing is left to be done about a failure: see AddressRepair. */
  async release(addresses: readonly string[], service: AnyObject): Promise<void> {
    const { namespace = '', name = '' } = service.metadata;
    for (const address of addresses)
      try {
        await this.#addresses?.release(address, { namespace, name });
      } catch (error) {
        this.#context.log.warn('cannot give an address of a service back yet', { address, reason: messageOf(error) });
      }
  }

  async #any({ request, spec, family }: Asking): Promise<string> {
    // Of what is only tried upstream looks for none.
    if (request.dryRun)
      return (await this.#ranges(family, 0))[0]?.at(0n) ?? refuse(request, spec, `failed to allocate IP: ${notReady}`);
    const full = new Set<string>();
    for (const notOlderThan of [0, undefined])
      for (const range of await this.#ranges(family, notOlderThan)) {
        if (full.has(range.cidr)) continue;
        const address = await this.#counted(range, 'dynamic', () => this.#anyOf(range, request));
        if (address !== undefined) return address;
        full.add(range.cidr);
      }
    throw allocationFailed(`failed to allocate a serviceIP for Service ${JSON.stringify(request.name)}: range is full`);
  }

  async #anyOf(range: AddressRange, request: AdmissionRequest): Promise<string | undefined> {
    for (const address of range.inAnyOrder(this.#context.rng)) {
      const pause = turns.goOn(lookingCost);
      if (pause) await pause;
      if (!(await this.#isTaken(address)) && (await this.#take(address, request))) return address;
    }
    return undefined;
  }

  async #this(asked: string, { request, spec, family }: Asking): Promise<string> {
    const within = async (notOlderThan?: number) =>
      (await this.#ranges(family, notOlderThan)).find((range) => range.includes(asked));
    const range = (await within(0)) ?? (await within());
    if (!range) return refuse(request, spec, await this.#outside(asked, family, request));
    // Of what is only tried upstream does not look whether it is taken.
    if (request.dryRun) return asked;
    const take = async () => !this.#used.has(asked) && (await this.#take(asked, request));
    if (await this.#counted(range, 'static', take)) return asked;
    return refuse(request, spec, `failed to allocate IP ${asked}: provided IP is already allocated`);
  }

  #counted<T>({ cidr }: AddressRange, scope: AllocationScope, give: () => Promise<T>): Promise<T> {
    return this.#metrics ? this.#metrics.address(cidr, scope, give) : give();
  }

  async #outside(asked: string, family: AddressFamily, { dryRun }: AdmissionRequest): Promise<string> {
    const [range] = dryRun ? await this.#ranges(family, 0) : [];
    const why = range
      ? `the provided IP (${asked}) is not in the valid range. The range of valid IPs is ${range.cidr}`
      : dryRun
        ? notReady
        : 'the provided network does not match the current range';
    return `failed to allocate IP ${asked}: ${why}`;
  }

  async #isTaken(address: string): Promise<boolean> {
    return this.#used.has(address) || (await this.#addresses?.isTaken(address)) === true;
  }

  async #take(address: string, request: AdmissionRequest): Promise<boolean> {
    const { namespace, name } = request;
    const taken = (await this.#addresses?.take(address, { namespace, name })) ?? true;
    // What the server makes for itself several servers make at once, or one that was killed meanwhile had begun.
    if (!taken) return request.own === true && (await this.#addresses?.isOf(address, { namespace, name })) === true;
    request.settlement?.onFailed(() => this.release([address], request.object));
    return true;
  }

  async #ranges(family: AddressFamily, notOlderThan?: number): Promise<readonly AddressRange[]> {
    const storage = this.#context.storageOf('networking.k8s.io', 'servicecidrs');
    if (storage) return readyRanges(storage, family, notOlderThan);
    return this.#configured.filter((range) => range.family === family);
  }
}

function refuse({ definition, name }: AdmissionRequest, { clusterIPs = [''] }: ServiceSpec, why: string): never {
  throw invalid(definition, name, [wrongField('spec.clusterIPs', clusterIPs, why)]);
}
