import { messageOf } from '@berth/kit';
import type { ServiceSpec } from '@berth/kube';
import { turns } from '../decoding/turns.ts';
import { invalid } from '../invalid.ts';
import type { AnyObject } from '../resource-definition.ts';
import { invalid as wrongField } from '../resources/field.ts';
import { isIpv4Address } from '../resources/ip-form.ts';
import type { ServerContext } from '../server-context.ts';
import type { AddressRange } from '../service-addresses.ts';
import { addressesOf, IpAddresses } from '../service-ips/ip-addresses.ts';
import { readyRanges } from '../service-ips/service-ranges.ts';
import type { AdmissionRequest } from './admission.ts';
import { allocationFailed } from './service-ports.ts';

/** In units of {@link turns}, for an address that somebody has: of a range that is nearly full there are many. */
const lookingCost = 1;

/** How a request asks for an address. */
interface Asking {
  readonly request: AdmissionRequest;
  readonly spec: ServiceSpec;
}

/** Gives Services their cluster IPs, each an IPAddress of the store, out of the ranges of the ServiceCIDRs. */
export class ServiceIps {
  readonly #context: ServerContext;
  /** Where the store has no ServiceCIDRs. */
  readonly #range: AddressRange;
  readonly #addresses: IpAddresses | undefined;
  /** By Services that the store has: those of older servers have no IPAddress yet. */
  readonly #used = new Map<string, string>();

  constructor(context: ServerContext, range: AddressRange) {
    this.#context = context;
    this.#range = range;
    this.#addresses = IpAddresses.of(context);
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

  /** Fills in a service's address, in place; what comes of the request decides whether it keeps it. @throws ApiError */
  async give(request: AdmissionRequest, spec: ServiceSpec): Promise<void> {
    if (spec.type === 'ExternalName' || spec.clusterIP === 'None' || spec.clusterIPs?.[0] === 'None') return;
    const asked = spec.clusterIP || spec.clusterIPs?.[0];
    if (asked !== undefined && !isIpv4Address(asked)) return;
    const asking = { request, spec };
    const address = await (asked === undefined ? this.#any(asking) : this.#this(asked, asking));
    spec.clusterIP = address;
    spec.clusterIPs = [address];
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

  async #any({ request, spec }: Asking): Promise<string> {
    // Of what is only tried upstream looks for none.
    if (request.dryRun) return (await this.#ranges(0))[0]?.at(0) ?? refuse(request, spec, 'allocator not ready');
    const full = new Set<string>();
    for (const notOlderThan of [0, undefined])
      for (const range of await this.#ranges(notOlderThan)) {
        const address = full.has(range.cidr) ? undefined : await this.#anyOf(range, request);
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

  async #this(asked: string, { request, spec }: Asking): Promise<string> {
    const within = async (notOlderThan?: number) =>
      (await this.#ranges(notOlderThan)).some((range) => range.includes(asked));
    if (!(await within(0)) && !(await within())) return refuse(request, spec, await this.#outside(asked, request));
    // Of what is only tried upstream does not look whether it is taken.
    if (request.dryRun || (!this.#used.has(asked) && (await this.#take(asked, request)))) return asked;
    return refuse(request, spec, `failed to allocate IP ${asked}: provided IP is already allocated`);
  }

  async #outside(asked: string, { dryRun }: AdmissionRequest): Promise<string> {
    const [range] = dryRun ? await this.#ranges(0) : [];
    const why = range
      ? `the provided IP (${asked}) is not in the valid range. The range of valid IPs is ${range.cidr}`
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

  async #ranges(notOlderThan?: number): Promise<readonly AddressRange[]> {
    const storage = this.#context.storageOf('networking.k8s.io', 'servicecidrs');
    return storage ? readyRanges(storage, notOlderThan) : [this.#range];
  }
}

function refuse({ definition, name }: AdmissionRequest, { clusterIPs = [''] }: ServiceSpec, why: string): never {
  throw invalid(definition, name, [wrongField('spec.clusterIPs', clusterIPs, why)]);
}
