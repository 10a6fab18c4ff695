import type { EndpointAddress, EndpointPort, EndpointSlice, EndpointSubset, Endpoints } from '@berth/kube';
import { canonicalIp } from '../../api-server/resources/ip-form.ts';

/** Upstream's: of more addresses of a subset the first are mirrored (mirroring-max-endpoints-per-subset). */
const mostOfSubset = 1000;

type Family = 'IPv4' | 'IPv6';
type SlicePort = NonNullable<EndpointSlice['ports']>[number];
type SliceEndpoint = NonNullable<EndpointSlice['endpoints']>[number];

export interface MirroredSlice {
  readonly addressType: Family;
  readonly ports: readonly SlicePort[];
  readonly endpoints: readonly SliceEndpoint[];
}

export interface Mirrored {
  readonly slices: readonly MirroredSlice[];
  /** Addresses that are none. */
  readonly wrong: number;
  /** Beyond what is mirrored of a subset. */
  readonly beyond: number;
}

/** What EndpointSlices say for Endpoints that somebody wrote: one for each family and set of ports (endpointslicemirroring reconciler). */
export function mirroredSlices({ subsets = [] }: Endpoints): Mirrored {
  const slices: MirroredSlice[] = [];
  let wrong = 0;
  let beyond = 0;
  for (const { addresses, ports } of repacked(subsets)) {
    const right = addresses.filter(({ address }) => canonicalIp(address.ip) !== undefined);
    const mirrored = right.slice(0, mostOfSubset).map(({ address, ready }) => asEndpoint(address, ready));
    wrong += addresses.length - right.length;
    beyond += right.length - mirrored.length;
    for (const [addressType, endpoints] of Map.groupBy(mirrored, familyOf))
      slices.push({ addressType, ports: ports.map(asSlicePort), endpoints });
  }
  return { slices, wrong, beyond };
}

interface Told {
  readonly address: EndpointAddress;
  readonly ready: boolean;
}

/** Ports that the same addresses have are together, however they were written; what is not ready anywhere is not (endpoints RepackSubsets). */
function repacked(subsets: readonly EndpointSubset[]) {
  const byPort = new Map<string, { port: EndpointPort | undefined; addresses: Map<string, Told> }>();
  for (const { addresses = [], notReadyAddresses = [], ports = [] } of subsets)
    for (const port of ports.length > 0 ? ports : [undefined]) {
      const key = JSON.stringify(port && asSlicePort(port));
      const known = byPort.get(key) ?? { port, addresses: new Map<string, Told>() };
      byPort.set(key, known);
      for (const address of addresses) note(known.addresses, address, true);
      for (const address of notReadyAddresses) note(known.addresses, address, false);
    }
  const groups = Map.groupBy(byPort.values(), ({ addresses }) =>
    JSON.stringify([...addresses].map(([key, { ready }]) => [key, ready]).sort()),
  );
  return [...groups.values()].map((group) => ({
    ports: group.flatMap(({ port }) => (port ? [port] : [])),
    addresses: [...(group[0]?.addresses.values() ?? [])].sort((a, b) => Number(b.ready) - Number(a.ready)),
  }));
}

function note(addresses: Map<string, Told>, address: EndpointAddress, ready: boolean): void {
  const key = JSON.stringify([address.ip, address.targetRef?.uid]);
  const known = addresses.get(key);
  if (!known || known.ready) addresses.set(key, { address: known?.address ?? address, ready });
}

function asSlicePort({ name = '', port, protocol = 'TCP', appProtocol }: EndpointPort): SlicePort {
  return { name, port, protocol, ...(appProtocol === undefined ? {} : { appProtocol }) };
}

function asEndpoint({ ip, hostname, nodeName, targetRef }: EndpointAddress, ready: boolean): SliceEndpoint {
  return {
    addresses: [canonicalIp(ip) as string],
    conditions: { ready },
    ...(hostname ? { hostname } : {}),
    ...(targetRef ? { targetRef } : {}),
    ...(nodeName ? { nodeName } : {}),
  };
}

function familyOf({ addresses }: SliceEndpoint): Family {
  return addresses?.[0]?.includes(':') ? 'IPv6' : 'IPv4';
}
