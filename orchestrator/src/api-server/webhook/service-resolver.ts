import type { Rng } from '@berth/kit';
import type { AnyObject } from '../resource-definition.ts';
import { notFound } from '../resource-errors.ts';
import type { ServerContext } from '../server-context.ts';
import { CallError } from './call-error.ts';

export interface ServiceRef {
  readonly namespace: string;
  readonly name: string;
  readonly port: number;
}

export interface Address {
  readonly host: string;
  readonly port: number;
}

interface Port {
  readonly name?: string;
  readonly port?: number;
}

/**
 * One of the addresses behind a Service: its endpoints, which are reached from here also where nothing routes cluster IPs
 * (upstream's --enable-aggregator-routing).
 * @throws CallError – no such service or port, or nothing stands behind it.
 */
export async function resolveService(
  context: Pick<ServerContext, 'storageOf' | 'rng'>,
  ref: ServiceRef,
): Promise<Address> {
  const service = (await context.storageOf('', 'services')?.find(ref.namespace, ref.name))?.object;
  if (!service)
    throw new CallError(notFound({ group: '', plural: 'services' }, ref.name).message.replace('services', 'service'));
  const {
    type = 'ClusterIP',
    externalName = '',
    ports = [],
  } = (service.spec ?? {}) as {
    type?: string;
    externalName?: string;
    ports?: Port[];
  };
  if (type === 'ExternalName') return { host: externalName, port: ref.port };
  const port = ports.find((one) => one.port === ref.port);
  if (!port) throw new CallError(`no service port ${ref.port} found for service ${JSON.stringify(ref.name)}`);
  const found = await endpointsOf(context, ref, port.name ?? '');
  if (found.length === 0) throw new CallError(`no endpoints available for service ${JSON.stringify(ref.name)}`);
  return pick(found, context.rng);
}

async function endpointsOf(
  context: Pick<ServerContext, 'storageOf'>,
  { namespace, name }: ServiceRef,
  portName: string,
): Promise<Address[]> {
  const endpoints = (await context.storageOf('', 'endpoints')?.find(namespace, name))?.object;
  if (endpoints) return fromSubsets(endpoints, portName);
  const slices = await context.storageOf('discovery.k8s.io', 'endpointslices')?.range({ namespace });
  return (slices?.objects ?? [])
    .map(({ object }) => object)
    .filter(({ metadata }) => metadata.labels?.['kubernetes.io/service-name'] === name)
    .flatMap((slice) => fromSlice(slice, portName));
}

function fromSubsets(endpoints: AnyObject, portName: string): Address[] {
  const subsets = (endpoints['subsets'] ?? []) as { addresses?: { ip: string }[]; ports?: Port[] }[];
  return subsets.flatMap(({ addresses = [], ports = [] }) =>
    crossed(
      addresses.map(({ ip }) => ip),
      ports,
      portName,
    ),
  );
}

function fromSlice(slice: AnyObject, portName: string): Address[] {
  const endpoints = (slice['endpoints'] ?? []) as { addresses: string[]; conditions?: { ready?: boolean } }[];
  const ready = endpoints.filter(({ conditions }) => conditions?.ready !== false);
  return crossed(
    ready.flatMap(({ addresses }) => addresses.slice(0, 1)),
    (slice['ports'] ?? []) as Port[],
    portName,
  );
}

function crossed(hosts: readonly string[], ports: readonly Port[], portName: string): Address[] {
  const own = ports.filter(({ name = '' }) => name === portName);
  return own.flatMap(({ port = 0 }) => hosts.map((host) => ({ host, port })));
}

function pick(addresses: readonly Address[], rng: Rng): Address {
  return addresses[Math.floor(rng.next() * addresses.length)] as Address;
}
