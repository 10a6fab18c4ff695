import { messageOf } from '@berth/kit';
import type { AnyObject } from '../resource-definition.ts';
import type { ServerContext } from '../server-context.ts';
import { CallError } from '../webhook/call-error.ts';
import type { RemoteResource, RemoteSpec } from './remote-api.ts';
import { type ProxyClient, remoteTarget } from './remote-target.ts';

/** What the condition Available says. */
export interface Verdict {
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason: string;
  readonly message: string;
}

/** Upstream's limit on one discovery. */
const timeoutMs = 5_000;
/** One of several servers behind a Service is enough. */
const attempts = 5;
const aggregator = { name: 'system:kube-aggregator', groups: ['system:masters'] } as const;

interface Port {
  readonly name?: string;
  readonly port?: number;
}

/** What there is to say before a server can be asked; undefined: nothing (kube-aggregator remote_available_controller). */
export async function unreachable(context: ServerContext, { service }: RemoteSpec): Promise<Verdict | undefined> {
  const { namespace, name, port } = service;
  const place = `service/${name} in ${JSON.stringify(namespace)}`;
  const no = (reason: string, message: string): Verdict => ({ status: 'False', reason, message });
  const found = (await context.storageOf('', 'services')?.find(namespace, name))?.object;
  if (!found) return no('ServiceNotFound', `${place} is not present`);
  const { type = 'ClusterIP', ports = [] } = (found.spec ?? {}) as { type?: string; ports?: Port[] };
  if (type !== 'ClusterIP') return undefined;
  const listening = ports.find((one) => one.port === port);
  if (!listening) return no('ServicePortError', `${place} is not listening on port ${port}`);
  const places = await endpointsOf(context, namespace, name);
  if (places.length === 0) return no('EndpointsNotFound', `cannot find endpointslices for ${place}`);
  const portName = listening.name ?? '';
  if (places.some((each) => hasPort(each, portName))) return undefined;
  const named = `with port name ${JSON.stringify(portName)}`;
  return no('MissingEndpoints', `endpointslices for ${place} have no addresses ${named}`);
}

/** What of an endpoint slice, or of a part of Endpoints, matters here. */
interface Places {
  readonly ready: boolean;
  readonly ports: readonly Port[];
}

function hasPort({ ready, ports }: Places, portName: string): boolean {
  return ready && ports.some(({ name = '', port }) => name === portName && port !== undefined);
}

/** Of slices, and of Endpoints that no slice mirrors yet: requests go there as well. */
async function endpointsOf(context: ServerContext, namespace: string, name: string): Promise<Places[]> {
  const slices = await context.storageOf('discovery.k8s.io', 'endpointslices')?.range({ namespace });
  const endpoints = (await context.storageOf('', 'endpoints')?.find(namespace, name))?.object;
  const own = (slices?.objects ?? []).filter(
    ({ object }) => object.metadata.labels?.['kubernetes.io/service-name'] === name,
  );
  return [...own.map(({ object }) => ofSlice(object)), ...ofEndpoints(endpoints)];
}

function ofSlice(slice: AnyObject): Places {
  const endpoints = (slice['endpoints'] ?? []) as { conditions?: { ready?: boolean } }[];
  return { ready: endpoints.some(({ conditions }) => conditions?.ready !== false), ports: slice['ports'] ?? [] };
}

function ofEndpoints(endpoints: AnyObject | undefined): Places[] {
  const subsets = (endpoints?.['subsets'] ?? []) as { addresses?: unknown[]; ports?: Port[] }[];
  return subsets.map(({ addresses = [], ports = [] }) => ({ ready: addresses.length > 0, ports }));
}

/** What a server says it serves. @throws CallError – none of those behind the Service answers as it should. */
export async function discover(
  context: ServerContext,
  { spec, client }: { readonly spec: RemoteSpec; readonly client: ProxyClient },
  signal: AbortSignal,
): Promise<readonly RemoteResource[]> {
  const end = new AbortController();
  const either = AbortSignal.any([signal, end.signal]);
  let last: unknown;
  const tries = Array.from({ length: attempts }, () =>
    discoverOnce(context, { spec, client }, either).catch((error: unknown) => {
      last = error;
      throw error;
    }),
  );
  try {
    return await Promise.any(tries);
  } catch {
    throw last;
  } finally {
    end.abort();
  }
}

async function discoverOnce(
  context: ServerContext,
  { spec, client }: { readonly spec: RemoteSpec; readonly client: ProxyClient },
  signal: AbortSignal,
): Promise<readonly RemoteResource[]> {
  const path = `/apis/${spec.group}/${spec.version}`;
  const target = await remoteTarget(context, spec, { path, user: aggregator, client });
  const failed = (why: string) => new CallError(`failing or missing response from ${target.url}: ${why}`);
  const caller = await context.outbound.caller();
  const { status, body } = await caller
    .call({ target, method: 'GET', timeoutMs, mostBytes: mostDiscoveryBytes }, signal)
    .catch((error: unknown) => {
      throw failed(messageOf(error));
    });
  if (status < 200 || status >= 300) throw failed(`bad status from ${target.url}: ${status}`);
  return resourcesOf(body);
}

/** Thousands of resources have less. */
const mostDiscoveryBytes = 1024 * 1024;

/** A server that answers is there, whatever it says. */
function resourcesOf(body: Buffer): readonly RemoteResource[] {
  try {
    const { resources } = JSON.parse(body.toString()) as { resources?: unknown };
    return Array.isArray(resources) ? resources.filter(isResource) : [];
  } catch {
    return [];
  }
}

function isResource(value: unknown): value is RemoteResource {
  const { name, kind, ...rest } = (value ?? {}) as Record<string, unknown>;
  const lists = ['verbs', 'shortNames', 'categories'].map((field) => rest[field] ?? []);
  return (
    typeof name === 'string' &&
    typeof kind === 'string' &&
    lists.every((list) => Array.isArray(list) && list.every((item) => typeof item === 'string'))
  );
}
