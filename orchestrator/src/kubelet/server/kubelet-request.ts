import type { ContainerRef, LogOptions, StreamTarget } from '../../node-api.ts';

/** What a request to a kubelet's server asks for of a container. */
export type KubeletRequest =
  | { readonly type: 'logs'; readonly target: ContainerRef; readonly query: URLSearchParams }
  | { readonly type: 'run'; readonly target: ContainerRef; readonly command: readonly string[] }
  | { readonly type: 'stream'; readonly target: StreamTarget };

const subresources = { exec: 'exec', attach: 'attach', portForward: 'portforward' } as const;

/** Kubelets name a client's streams in their own way. */
const streamNames = { input: 'stdin', output: 'stdout', error: 'stderr', tty: 'tty' } as const;

/** The paths of kubelet's server that name containers (pkg/kubelet/server/server.go); undefined: it is none of them. */
export function kubeletRequest(url: string): KubeletRequest | undefined {
  // Not by a URL, which takes `..` for steps.
  const [pathname = '', ...search] = url.split('?');
  const query = new URLSearchParams(search.join('?'));
  const segments = pathname.startsWith('/') ? decoded(pathname.slice(1).split('/')) : undefined;
  if (!segments) return undefined;
  const [verb = '', namespace = '', pod = '', ...rest] = segments;
  if (namespace === '' || pod === '') return undefined;
  if (verb === 'containerLogs') {
    const [container = '', ...more] = rest;
    if (container === '' || more.length > 0) return undefined;
    return { type: 'logs', target: { namespace, pod, container }, query };
  }
  if (verb !== 'run' && !Object.hasOwn(subresources, verb)) return undefined;
  const names = verb === 'portForward' ? 0 : 1;
  // The pod's uid may stand before the container.
  if (rest.length < names || rest.length > names + 1 || rest.includes('')) return undefined;
  const container = names === 0 ? '' : (rest.at(-1) as string);
  if (verb === 'run')
    return { type: 'run', target: { namespace, pod, container }, command: (query.get('cmd') ?? '').split(' ') };
  const subresource = subresources[verb as keyof typeof subresources];
  const uid = rest.length > names ? (rest[0] as string) : '';
  return { type: 'stream', target: { subresource, namespace, pod, uid, container, query: streamQuery(query) } };
}

function decoded(segments: readonly string[]): string[] | undefined {
  try {
    return segments.map((segment) => decodeURIComponent(segment));
  } catch {
    return undefined;
  }
}

function streamQuery(query: URLSearchParams): URLSearchParams {
  const own = new URLSearchParams();
  for (const [name, value] of query) {
    const known = Object.hasOwn(streamNames, name) ? streamNames[name as keyof typeof streamNames] : name;
    own.append(known, value);
  }
  return own;
}

/** How a kubelet is asked for a container's log. */
export function logPath({ namespace, pod, container }: ContainerRef, options: LogOptions): string {
  const query = new URLSearchParams(Object.entries(options).map(([name, value]) => [name, String(value)]));
  return `/containerLogs/${path(namespace, pod, container)}${query.size > 0 ? `?${query}` : ''}`;
}

/** How a kubelet is asked for a stream. */
export function streamPath({ subresource, namespace, pod, uid, container, query }: StreamTarget): string {
  const theirs = new URLSearchParams();
  const names = new Map(Object.entries(streamNames).map(([their, own]) => [own as string, their]));
  for (const [name, value] of query) {
    if (name === 'container') continue;
    const their = names.get(name);
    if (their === undefined) theirs.append(name, value);
    else if (/^(1|t|true)$/i.test(value)) theirs.append(their, '1');
  }
  const [verb] = Object.entries(subresources).find(([, own]) => own === subresource) as [string, string];
  const segments = [namespace, pod, uid, container].filter((segment) => segment !== '');
  return `/${verb}/${path(...segments)}${theirs.size > 0 ? `?${theirs}` : ''}`;
}

function path(...segments: readonly string[]): string {
  return segments.map((segment) => encodeURIComponent(segment)).join('/');
}
