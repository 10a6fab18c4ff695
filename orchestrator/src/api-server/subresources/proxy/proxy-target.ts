import { isIP } from 'node:net';
import { apiError, type Endpoints, type Node, type Pod, type Service } from '@berth/kube';
import { notFound } from '../../resource-errors.ts';
import type { ResourceRoute } from '../../route.ts';
import type { ServerContext } from '../../server-context.ts';

/** Where a proxied request goes. */
export interface ProxyTarget {
  readonly scheme: 'http' | 'https';
  readonly host: string;
  /** Absent: the scheme's. */
  readonly port?: number;
}

/** A kubelet's, which this server reaches in its own way. */
export interface ProxiedKubelet {
  readonly kubeletOf: string;
}

interface Asked {
  readonly scheme: 'http' | 'https';
  readonly name: string;
  /** A number or a name; empty: which one is for us to find. */
  readonly port: string;
}

type Find = <T>(plural: string, name: string, namespace?: string) => Promise<T>;

/**
 * What stands behind `pods/[SCHEME:]NAME[:PORT]/proxy` and its likes of services and nodes, in upstream's words
 * (ResourceLocation of registry/core/pod, service, node).
 * @throws ApiError BadRequest, NotFound, ServiceUnavailable.
 */
export async function proxyTarget(
  context: ServerContext,
  { definition, namespace, name }: ResourceRoute,
): Promise<ProxyTarget | ProxiedKubelet> {
  const { plural, singular } = definition;
  const asked = parsed(name);
  if (!asked) throw apiError('BadRequest', `invalid ${singular} request ${JSON.stringify(name)}`);
  const find: Find = async <T>(kind: string, wanted: string, where = namespace) => {
    const found = await context.storageOf('', kind)?.find(where, wanted);
    // Endpoints, too, are missed as what was asked for (qualifiedResourceFromContext).
    if (!found) throw notFound({ group: '', plural }, wanted);
    return found.object as T;
  };
  if (plural === 'pods') return ofPod(asked, await find<Pod>('pods', asked.name));
  if (plural === 'nodes') return ofNode(asked, await find<Node>('nodes', asked.name, ''));
  return ofService(context, asked, { find, namespace, id: name });
}

/** `name`, `name:port`, `scheme:name:port` (apimachinery SplitSchemeNamePort). */
function parsed(id: string): Asked | undefined {
  const parts = id.split(':');
  const [scheme, name, port] = parts.length === 3 ? parts : ['', ...parts];
  if (parts.length > 3 || !name || (parts.length === 3 && scheme !== 'http' && scheme !== 'https')) return undefined;
  return { scheme: scheme === 'https' ? 'https' : 'http', name, port: port ?? '' };
}

function ofPod({ scheme, port }: Asked, pod: Pod): ProxyTarget {
  const first = pod.spec?.containers.find(({ ports = [] }) => ports.length > 0)?.ports?.[0]?.containerPort;
  const host = pod.status?.podIP ?? '';
  if (!isProxyable(host)) throw apiError('BadRequest', 'address not allowed');
  const chosen = port === '' ? first : portOf(port);
  return { scheme, host, ...(chosen === undefined ? {} : { port: chosen }) };
}

/** Where a node does not tell its kubelet's port (kube-apiserver's --kubelet-port). */
const kubeletPort = 10_250;

function ofNode({ scheme, name, port }: Asked, node: Node): ProxyTarget | ProxiedKubelet {
  const { addresses = [], daemonEndpoints } = node.status ?? {};
  const kubelet = daemonEndpoints?.kubeletEndpoint?.Port || kubeletPort;
  if (port === '' || port === String(kubelet)) return { kubeletOf: name };
  const host = addresses.find(({ type }) => type === 'InternalIP')?.address ?? '';
  if (!isProxyable(host)) throw apiError('BadRequest', 'address not allowed');
  return { scheme, host, port: portOf(port) };
}

interface InNamespace {
  readonly find: Find;
  readonly namespace: string;
  /** As it was asked for. */
  readonly id: string;
}

async function ofService(context: ServerContext, { scheme, name, port }: Asked, { find, namespace, id }: InNamespace) {
  const service = await find<Service>('services', name);
  const portName = /^\d+$/.test(port) ? namedPort(service, Number(port)) : port;
  const { subsets = [] } = await find<Endpoints>('endpoints', name);
  const places = subsets.flatMap(({ addresses = [], ports = [] }) =>
    ports
      .filter((each) => (each.name ?? '') === portName)
      .flatMap((each) => addresses.map((address) => ({ address, port: each.port }))),
  );
  for (let start = Math.floor(context.rng.next() * places.length); places.length > 0; start %= places.length) {
    const [place] = places.splice(start, 1);
    // Nobody is led by written endpoints to what is no pod.
    if (!place || !(await isOfPod(context, namespace, place.address))) continue;
    return { scheme, host: place.address.ip, port: place.port };
  }
  const missing = subsets.length === 0 ? name : id;
  throw apiError('ServiceUnavailable', `no endpoints available for service ${JSON.stringify(missing)}`);
}

function namedPort({ metadata, spec }: Service, number: number): string {
  const port = spec?.ports?.find((each) => each.port === number);
  if (port) return port.name ?? '';
  throw apiError('ServiceUnavailable', `no service port ${number} found for service ${JSON.stringify(metadata.name)}`);
}

interface Address {
  readonly ip: string;
  readonly targetRef?: { readonly kind?: string; readonly name?: string; readonly namespace?: string };
}

async function isOfPod(context: ServerContext, namespace: string, { ip, targetRef }: Address): Promise<boolean> {
  if (targetRef?.kind !== 'Pod' || (targetRef.namespace ?? namespace) !== namespace || !isProxyable(ip)) return false;
  const pod = await context.storageOf('', 'pods')?.find(namespace, targetRef.name ?? '');
  const { podIPs = [] } = (pod?.object as Pod | undefined)?.status ?? {};
  return podIPs.some((each) => each.ip === ip);
}

function portOf(text: string): number {
  const port = Number(text);
  if (/^\d{1,5}$/.test(text) && port >= 1 && port <= 65_535) return port;
  throw apiError('ServiceUnavailable', `error trying to reach service: dial tcp: lookup tcp/${text}: unknown port`);
}

/** Go's IsGlobalUnicast: nobody reaches this machine itself, or its link, by an address they wrote into a status. */
function isProxyable(ip: string): boolean {
  if (isIP(ip) === 4) return !/^(0\.0\.0\.0$|127\.|169\.254\.|255\.255\.255\.255$|22[4-9]\.|23\d\.)/.test(ip);
  return isIP(ip) === 6 && !/^(::1?$|::ffff:|fe[89ab]|ff)/i.test(ip);
}
