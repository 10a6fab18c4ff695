import type { IncomingHttpHeaders } from 'node:http';
import { bytesOf } from '../body-decoder.ts';
import type { PathHandler } from '../request-pipeline.ts';
import type { ServerContext } from '../server-context.ts';
import type { Answer, ServerRequest } from '../server-request.ts';
import { CallError } from '../webhook/call-error.ts';
import type { RemoteApi } from './remote-api.ts';
import type { RemoteApis } from './remote-apis.ts';
import { remoteTarget } from './remote-target.ts';

const unavailable: Answer = { type: 'text', status: 503, text: 'service unavailable\n' };

/** What is meant for this connection, not for the client's. */
const ofConnection = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
  'te',
  'trailer',
]);

/** `/apis/GROUP/VERSION` and below, where another server serves it (kube-aggregator proxyHandler). */
export function proxyPath(context: ServerContext, apis: RemoteApis): PathHandler {
  return (segments, request) => {
    const [root, group = '', version = ''] = segments;
    const api = root === 'apis' && version !== '' ? apis.find(group, version) : undefined;
    return api && proxied(context, { api, apis }, request);
  };
}

interface Remote {
  readonly api: RemoteApi;
  readonly apis: RemoteApis;
}

async function proxied(context: ServerContext, { api, apis }: Remote, request: ServerRequest): Promise<Answer> {
  if (!api.available) return unavailable;
  const { method, user, query, signal } = request;
  const search = query.size > 0 ? `?${query}` : '';
  try {
    const path = `${request.path}${search}`;
    const target = await remoteTarget(context, api.spec, { path, user, client: apis.client });
    const body = Buffer.from(await bytesOf(request.body));
    const headers = { ...target.headers, ...sentHeaders(request) };
    const caller = await context.outbound.caller();
    const call = { target: { ...target, headers }, method, ...(body.length > 0 ? { body } : {}) };
    const message = await caller.open(call, signal);
    return {
      type: 'proxied',
      status: message.statusCode ?? 502,
      headers: keptHeaders(message.headers),
      chunks: message as AsyncIterable<Uint8Array>,
    };
  } catch (error) {
    if (!(error instanceof CallError)) throw error;
    context.log.debug('a server behind an APIService did not answer', { name: api.spec.name, reason: error.message });
    return { type: 'text', status: 503, text: `${error.message}\n` };
  }
}

function sentHeaders({ accept, contentType, userAgent }: ServerRequest): Record<string, string> {
  return {
    ...(accept === undefined ? {} : { accept }),
    ...(contentType === undefined ? {} : { 'content-type': contentType }),
    ...(userAgent === undefined ? {} : { 'user-agent': userAgent }),
  };
}

function keptHeaders(headers: IncomingHttpHeaders): Record<string, string | string[]> {
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) =>
      value === undefined || ofConnection.has(name) ? [] : [[name, value]],
    ),
  );
}
