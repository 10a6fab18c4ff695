import { request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { apiError } from '@berth/kube';
import type { NodeApi, NodeApiLookup, RemoteNodeApi } from '../../../node-api.ts';
import { answeredHeaders, forwardedHeaders, type Headers } from '../../aggregation/forwarded-headers.ts';
import { bytesOf } from '../../body-decoder.ts';
import { frameBody } from '../../http/frame-body.ts';
import type { ResourceRoute } from '../../route.ts';
import type { ServerContext } from '../../server-context.ts';
import type { Answer, ServerRequest } from '../../server-request.ts';
import { admitConnect } from '../../streaming/admit-stream.ts';
import { networkWords } from '../../webhook/network-words.ts';
import { proxiedPage } from './proxied-page.ts';
import { type ProxiedKubelet, type ProxyTarget, proxyTarget } from './proxy-target.ts';

export interface ProxyParts {
  readonly context: ServerContext;
  readonly nodeApi: NodeApiLookup;
}

/**
 * A request passed on to a pod, to one behind a service, to a node's kubelet or to another port of a node
 * (registry/core/{pod,service,node}/rest, ProxyREST).
 */
export async function serveProxy(
  { context, nodeApi }: ProxyParts,
  route: ResourceRoute,
  request: ServerRequest,
): Promise<Answer> {
  const { prefix, rest } = splitPath(request.path);
  await admitProxy(context, { route, request }, rest);
  const target = await proxyTarget(context, route);
  const query = request.query.size > 0 ? `?${request.query}` : '';
  if (rest === '' && /^(GET|HEAD)$/.test(request.method))
    // What its pages name relatively would else be sought beside it.
    return { type: 'proxied', status: 301, headers: { location: `${prefix}/${query}` }, chunks: nothing() };
  if ('kubeletOf' in target) return ofKubelet(nodeApi, target, { request, path: `${rest || '/'}${query}` });
  const sent = far(target, { request, prefix, path: `${rest || '/'}${query}` });
  const stop = () => sent.destroy();
  request.signal.addEventListener('abort', stop, { once: true });
  try {
    const message = await answerOf(sent, request);
    const status = message.statusCode ?? 502;
    const headers = answeredHeaders(message.headers);
    const placeOf = (link: string) => placeBehind(link, { target, prefix, host: hostOf(request) });
    const { location } = message.headers;
    // What has no body has no links.
    if (location !== undefined || request.method === 'HEAD')
      return {
        type: 'proxied',
        status,
        headers: { ...headers, ...(location === undefined ? {} : { location: placeOf(location) ?? location }) },
        chunks: message as AsyncIterable<Uint8Array>,
      };
    return { type: 'proxied', status, ...(await proxiedPage(message, headers, placeOf)) };
  } catch (error) {
    stop();
    throw unreachable(error);
  }
}

/** A kubelet's own pages. None of them reads a body. */
async function ofKubelet(
  nodeApi: NodeApiLookup,
  target: ProxiedKubelet,
  { request, path }: Pick<PassedOn, 'request' | 'path'>,
): Promise<Answer> {
  const { status, contentType, chunks } = await connected(nodeApi, target).page(request.method, path, request.signal);
  return { type: 'proxied', status, headers: { 'content-type': contentType }, chunks };
}

/** @throws ApiError ServiceUnavailable. */
export function connected(nodeApi: NodeApiLookup, { kubeletOf }: ProxiedKubelet): NodeApi | RemoteNodeApi {
  const kubelet = nodeApi(kubeletOf);
  if (kubelet) return kubelet;
  throw apiError('ServiceUnavailable', `the kubelet of node ${JSON.stringify(kubeletOf)} is not connected`);
}

/** Admission hears of it as upstream's does: operation CONNECT, with the path that is asked for. */
export function admitProxy(
  context: ServerContext,
  about: { readonly route: ResourceRoute; readonly request: ServerRequest },
  path: string,
): Promise<void> {
  const kind = `${about.route.definition.kind}ProxyOptions`;
  return admitConnect(context, about, { kind, apiVersion: 'v1', ...(path === '' ? {} : { path }) });
}

/** What of a path names the proxy, and what is behind it, escaped as it came. */
export function splitPath(path: string): { readonly prefix: string; readonly rest: string } {
  const [, prefix = path, rest = ''] = /^(.*?\/(?:pods|services|nodes)\/[^/]+\/proxy)(\/.*)?$/.exec(path) ?? [];
  return { prefix, rest };
}

export interface PassedOn {
  readonly request: ServerRequest;
  /** Of the path here. */
  readonly prefix: string;
  /** Of the path there, with its query. */
  readonly path: string;
  /** Of its own, beside what came. */
  readonly headers?: Headers;
}

/** The request there, not sent yet. Certificates of pods are nobody's to know (upstream's InsecureSkipVerify). */
export function far({ scheme, host, port }: ProxyTarget, { request, prefix, path, headers }: PassedOn) {
  const options: RequestOptions & { rejectUnauthorized: false } = {
    host,
    ...(port === undefined ? {} : { port }),
    method: request.method,
    path,
    headers: { ...forwardedHeaders(request), ...wayHeaders(request, prefix, path), ...headers },
    agent: false,
    rejectUnauthorized: false,
  };
  return (scheme === 'https' ? httpsRequest : httpRequest)(options);
}

function wayHeaders(request: ServerRequest, prefix: string, path: string): Headers {
  const host = hostOf(request);
  return {
    'x-forwarded-uri': `${prefix}${path.split('?', 1)[0]}`,
    'x-forwarded-proto': 'https',
    // Who is asked sees the name that was asked for (UpgradeAwareHandler without UseLocationHost).
    ...(host === undefined ? {} : { host, 'x-forwarded-host': host }),
  };
}

function hostOf({ wire }: ServerRequest): string | undefined {
  const { host, ':authority': authority } = (wire?.message.headers ?? {}) as Readonly<
    Record<string, string | undefined>
  >;
  return host ?? authority;
}

async function answerOf(sent: ReturnType<typeof httpRequest>, { body }: ServerRequest): Promise<IncomingMessage> {
  const answered = new Promise<IncomingMessage>((resolve, reject) => {
    sent.once('response', resolve);
    sent.on('error', reject);
  });
  if (body.type !== 'value' && body.stream) {
    frameBody(sent);
    body
      .stream()
      .on('error', () => sent.destroy())
      .pipe(sent);
  } else sent.end(body.type === 'none' ? undefined : await bytesOf(body));
  return answered;
}

interface Way {
  readonly target: ProxyTarget;
  readonly prefix: string;
  /** What this server was asked by. */
  readonly host: string | undefined;
}

/** A place on the same server, by its address or by the name it was asked by, is one behind this proxy; undefined: it stays (rewriteURL). */
function placeBehind(link: string, { target, prefix, host: asked }: Way): string | undefined {
  const { scheme, host, port } = target;
  const base = `${scheme}://${host.includes(':') ? `[${host}]` : host}${port === undefined ? '' : `:${port}`}`;
  if (!/^(\/|https?:)/.test(link) || !URL.canParse(link, base)) return undefined;
  const url = new URL(link, base);
  const isHere = url.origin === new URL(base).origin || url.host === asked;
  if (!isHere || url.pathname.startsWith(prefix)) return undefined;
  return `${prefix}${url.pathname}${url.search}${url.hash}`;
}

export function unreachable(error: unknown) {
  return apiError('ServiceUnavailable', `error trying to reach service: ${networkWords(error)}`);
}

async function* nothing(): AsyncGenerator<Uint8Array> {}
