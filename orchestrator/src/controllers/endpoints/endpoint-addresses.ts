import { type Pod, type PodStatus, Selector, type Service } from '@berth/kube';
import { type AddressFamily, canonicalIp, familyOf } from '../../api-server/resources/ip-form.ts';

/** One pod behind a service, as Endpoints and EndpointSlices both describe it. */
export interface ServiceEndpoint {
  /** Of either family, its own order. */
  readonly ips: readonly string[];
  readonly nodeName: string | undefined;
  readonly hostname: string | undefined;
  readonly ready: boolean;
  readonly serving: boolean;
  readonly terminating: boolean;
  /** The service's ports as this pod has them; those that it has not are left out. */
  readonly ports: readonly ServicePort[];
  readonly target: { readonly kind: 'Pod'; readonly namespace: string; readonly name: string; readonly uid: string };
}

export interface ServicePort {
  readonly name: string;
  readonly port: number;
  readonly protocol: string;
}

/** The pods of a service that have an address, sorted by address; ended ones are none (endpointslice utils). */
export function endpointsOf(service: Service, pods: readonly Pod[]): ServiceEndpoint[] {
  const publishAll = service.spec?.publishNotReadyAddresses === true;
  return pods
    .filter(({ status }) => ipsOf(status).length > 0 && status?.phase !== 'Failed' && status?.phase !== 'Succeeded')
    .map((pod) => endpointOf(service, pod, publishAll))
    .sort((a, b) => ((a.ips[0] ?? '') < (b.ips[0] ?? '') ? -1 : 1));
}

/** Which addresses are behind a service; of the first of them Endpoints tell (endpointslice getAddressTypesForService). */
export function familiesOf({ spec = {} }: Service): readonly [AddressFamily, ...AddressFamily[]] {
  const { ipFamilies = [], clusterIP = '' } = spec;
  const [first, ...more] = ipFamilies as AddressFamily[];
  if (first !== undefined) return [first, ...more];
  return clusterIP && clusterIP !== 'None' ? [familyOf(clusterIP)] : ['IPv4', 'IPv6'];
}

function ipsOf(status: PodStatus | undefined): readonly string[] {
  const told = status?.podIPs?.map(({ ip }) => ip) ?? [status?.podIP];
  return told.flatMap((ip) => canonicalIp(ip ?? '') ?? []);
}

function endpointOf(service: Service, pod: Pod, publishAll: boolean): ServiceEndpoint {
  const { namespace, name, uid, deletionTimestamp } = pod.metadata;
  const serving =
    publishAll || pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') === true;
  const terminating = deletionTimestamp !== undefined;
  const hostname = pod.spec?.hostname && pod.spec.subdomain === service.metadata.name ? pod.spec.hostname : undefined;
  return {
    ips: ipsOf(pod.status),
    nodeName: pod.spec?.nodeName,
    hostname,
    serving,
    ready: publishAll || (serving && !terminating),
    terminating,
    ports: portsOf(service, pod),
    target: { kind: 'Pod', namespace: namespace as string, name: name as string, uid: uid as string },
  };
}

/** Named target ports are each pod's own. */
function portsOf(service: Service, pod: Pod): ServicePort[] {
  return (service.spec?.ports ?? []).flatMap(({ name = '', port, targetPort = port, protocol = 'TCP' }) => {
    const number = typeof targetPort === 'number' ? targetPort || port : findPort(pod, targetPort, protocol);
    return number === undefined ? [] : [{ name, port: number, protocol }];
  });
}

function findPort({ spec }: Pod, name: string, protocol: string): number | undefined {
  const ports = (spec?.containers ?? []).flatMap((container) => container.ports ?? []);
  return ports.find((port) => port.name === name && (port.protocol ?? 'TCP') === protocol)?.containerPort;
}

export function selects(service: Service, pod: Pod): boolean {
  return service.spec?.selector !== undefined && Selector.fromSet(service.spec.selector).matches(pod.metadata.labels);
}
