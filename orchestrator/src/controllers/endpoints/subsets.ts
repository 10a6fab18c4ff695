import type { EndpointSubset, Service } from '@berth/kube';
import { familyOf } from '../../api-server/resources/ip-form.ts';
import { familiesOf, type ServiceEndpoint, type ServicePort } from './endpoint-addresses.ts';

/** What Endpoints say of a service, in addresses of its first family: ports that the same pods have are together (endpoints RepackSubsets). */
export function subsetsOf(service: Service, endpoints: readonly ServiceEndpoint[]): EndpointSubset[] {
  const [family] = familiesOf(service);
  const told = endpoints.flatMap((endpoint) => {
    const ip = endpoint.ips.find((each) => familyOf(each) === family);
    return ip !== undefined && (endpoint.ready || !endpoint.terminating) ? [{ ...endpoint, ip }] : [];
  });
  const hasPorts = (service.spec?.ports ?? []).length > 0;
  const groups = hasPorts ? byEndpoints(told) : told.length > 0 ? [{ ports: [], endpoints: told }] : [];
  return groups.map((group) => {
    const side = (ready: boolean) => group.endpoints.filter((one) => one.ready === ready).map(asAddress);
    return {
      ...list('addresses', side(true)),
      ...list('notReadyAddresses', side(false)),
      ...list('ports', group.ports),
    } as EndpointSubset;
  });
}

type Told = ServiceEndpoint & { readonly ip: string };

function byEndpoints(endpoints: readonly Told[]) {
  const ports = new Map<string, { port: ServicePort; endpoints: Told[] }>();
  for (const one of endpoints)
    for (const port of one.ports) {
      const key = JSON.stringify(port);
      const known = ports.get(key) ?? { port, endpoints: [] };
      known.endpoints.push(one);
      ports.set(key, known);
    }
  const groups = Map.groupBy(ports.values(), (each) => each.endpoints.map(({ target }) => target.uid).join());
  return [...groups.values()].map((group) => ({
    ports: group.map(({ port }) => port),
    endpoints: group[0]?.endpoints ?? [],
  }));
}

function asAddress({ ip, hostname, nodeName, target }: Told) {
  return { ip, ...(hostname ? { hostname } : {}), ...(nodeName ? { nodeName } : {}), targetRef: target };
}

function list<K extends string, T>(key: K, items: readonly T[]): Partial<Record<K, readonly T[]>> {
  return items.length > 0 ? ({ [key]: items } as Partial<Record<K, readonly T[]>>) : {};
}
