import type { IPAddress, ServiceSpec } from '@berth/kube';
import { createOwn } from '../boot/create-own.ts';
import { deleteOwn } from '../boot/delete-own.ts';
import type { ObjectStorage } from '../object-storage.ts';
import type { AnyObject, ResourceDefinition } from '../resource-definition.ts';
import { familyOf } from '../resources/ip-form.ts';
import type { ServerContext } from '../server-context.ts';

/** Who has an address. */
export interface Holder {
  readonly namespace: string;
  readonly name: string;
}

export const ipAllocator = 'ipallocator.k8s.io';

/** Upstream's (k8s.io/api networking well_known_labels.go). */
export const ipLabels = {
  family: 'ipaddress.kubernetes.io/ip-family',
  managedBy: 'ipaddress.kubernetes.io/managed-by',
} as const;

/**
 * The IPAddress objects of Services: there is one for each cluster IP before the Service is, which is what keeps several servers of
 * one store from giving the same address out (ipallocator Allocator).
 */
export class IpAddresses {
  readonly #context: ServerContext;
  readonly #definition: ResourceDefinition;
  readonly storage: ObjectStorage;

  private constructor(context: ServerContext, definition: ResourceDefinition) {
    this.#context = context;
    this.#definition = definition;
    this.storage = context.storage(definition);
  }

  /** Undefined where they are not served. */
  static of(context: ServerContext): IpAddresses | undefined {
    const definition = context.registry.ofResource('networking.k8s.io', 'ipaddresses');
    return definition && new IpAddresses(context, definition);
  }

  /** Whether somebody has it, as far as it is known here. */
  async isTaken(address: string): Promise<boolean> {
    return (await this.storage.find('', address, 0)) !== undefined;
  }

  /** Whether it is one of `holder`'s. */
  async isOf(address: string, holder: Holder): Promise<boolean> {
    const found = await this.storage.find('', address);
    return found !== undefined && isHeldBy(found.object as IPAddress, holder);
  }

  /** False: another has it. @throws ApiError */
  take(address: string, { namespace, name }: Holder): Promise<boolean> {
    const object: AnyObject = {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'IPAddress',
      metadata: { name: address, labels: { [ipLabels.family]: familyOf(address), [ipLabels.managedBy]: ipAllocator } },
      spec: { parentRef: { resource: 'services', namespace, name } },
    };
    return createOwn(this.#context, { definition: this.#definition, object });
  }

  /** Gives it back, unless it is another's or `holder` is a Service that has it. @throws ApiError */
  async release(address: string, holder: Holder): Promise<void> {
    const found = await this.storage.find('', address);
    if (!found || !isHeldBy(found.object as IPAddress, holder)) return;
    const service = await this.#context.storageOf('', 'services')?.find(holder.namespace, holder.name);
    if (addressesOf(service?.object.spec).includes(address)) return;
    await this.remove(found.object);
  }

  /** Removes that very object. @throws ApiError */
  remove({ metadata: { name = '', uid } }: AnyObject): Promise<void> {
    const preconditions = uid === undefined ? {} : { uid };
    return deleteOwn(this.#context, { definition: this.#definition, namespace: '', name, preconditions });
  }
}

function isHeldBy({ spec }: IPAddress, { namespace, name }: Holder): boolean {
  const { group = '', resource, namespace: at = '', name: called } = spec?.parentRef ?? {};
  return group === '' && resource === 'services' && at === namespace && called === name;
}

/** A Service's cluster IPs; what stands in one that is a name alone is none. */
export function addressesOf(spec: ServiceSpec | undefined): readonly string[] {
  if (spec?.type === 'ExternalName') return [];
  return (spec?.clusterIPs ?? []).filter((each) => each !== '' && each !== 'None');
}
