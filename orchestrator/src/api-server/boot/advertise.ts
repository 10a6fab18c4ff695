import type { AnyObject } from '../resource-definition.ts';
import type { ServerContext } from '../server-context.ts';
import { changeOwn } from './change-own.ts';
import { createOwn } from './create-own.ts';

/** Where clients reach this server. */
export interface AdvertisedAddress {
  /** No loopback address: Endpoints may not name one. */
  readonly ip: string;
  readonly port: number;
}

/** Whether clients of other machines reach who listens there by that very address. */
export function isOpenToOthers(address: string): boolean {
  return !/^(127\.|0\.0\.0\.0$|::1?$)/.test(address);
}

const place = { namespace: 'default', name: 'kubernetes' } as const;

/**
 * Makes the `kubernetes` Service lead to these servers (controlplane controller/kubernetesservice and reconcilers).
 * Those of one cluster are expected to listen at one port; its slice has no others than the first's.
 */
export async function advertise(
  context: ServerContext,
  servers: readonly [AdvertisedAddress, ...AdvertisedAddress[]],
): Promise<void> {
  const { ip: first, port } = servers[0];
  const portsOf = (each: number) => [{ name: 'https', port: each, protocol: 'TCP' }];
  const allPorts = [...new Set(servers.map((each) => each.port))];
  const of = (each: number) => servers.flatMap(({ ip, port: own }) => (own === each ? [ip] : []));
  // Where there was no address for it yet, it comes with one.
  if (await context.storageOf('', 'services')?.find(place.namespace, place.name))
    await edit(context, ['', 'services'], (service) => {
      for (const each of service.spec.ports ?? []) if (each.name === 'https') each.targetPort = port;
      return service;
    });
  await ensure(context, ['', 'endpoints'], {
    apiVersion: 'v1',
    kind: 'Endpoints',
    metadata: { ...place, labels: { 'endpointslice.kubernetes.io/skip-mirror': 'true' } },
    subsets: allPorts.map((each) => ({ addresses: of(each).map((ip) => ({ ip })), ports: portsOf(each) })),
  });
  await ensure(context, ['discovery.k8s.io', 'endpointslices'], {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { ...place, labels: { 'kubernetes.io/service-name': place.name } },
    addressType: first.includes(':') ? 'IPv6' : 'IPv4',
    endpoints: of(port).map((ip) => ({ addresses: [ip], conditions: { ready: true } })),
    ports: portsOf(port),
  });
}

type Resource = readonly [group: string, plural: string];

async function ensure(context: ServerContext, resource: Resource, wanted: AnyObject): Promise<void> {
  const definition = context.registry.ofResource(...resource);
  if (!definition) return;
  const { metadata, apiVersion: _, kind: __, ...content } = wanted;
  const change = () =>
    edit(context, resource, (object) => {
      const next = { ...object, ...structuredClone(content) };
      next.metadata.labels = { ...next.metadata.labels, ...metadata.labels };
      return next;
    });
  if (await context.storage(definition).find(place.namespace, place.name)) return change();
  const object = structuredClone(wanted);
  if (!(await createOwn(context, { definition, object }))) await change();
}

async function edit(context: ServerContext, resource: Resource, change: (object: AnyObject) => AnyObject) {
  const definition = context.registry.ofResource(...resource);
  if (!definition) return;
  await changeOwn(context, { definition, ...place, subresource: '', endpoint: 'main', change });
}
