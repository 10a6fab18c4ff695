import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import { apiError } from '@berth/kube';
import { bytesOf } from '../body-decoder.ts';
import type { PathHandler } from '../request-pipeline.ts';
import type { ServerContext } from '../server-context.ts';
import { type Answer, plainError, type ServerRequest } from '../server-request.ts';
import { CallError } from '../webhook/call-error.ts';
import { type HttpsTarget, isPacked, unpacked } from '../webhook/https-caller.ts';
import { networkWords } from '../webhook/network-words.ts';
import { answeredHeaders, forwardedHeaders } from './forwarded-headers.ts';
import type { RemoteApi } from './remote-api.ts';
import type { RemoteApis } from './remote-apis.ts';
import { remoteTarget } from './remote-target.ts';
import { sentTarget } from './sent-target.ts';

/** What clients ask to know what there is: they wait no longer for it (aggregatedDiscoveryTimeout). */
const discoveryMs = 5_000;

const unavailable = plainError(503, 'service unavailable\n');

/** `/apis/GROUP/VERSION` and below, where another server serves it (kube-aggregator proxyHandler). */
export function proxyPath(context: ServerContext, apis: RemoteApis): PathHandler {
  return (segments, request) => {
    const [root, group = '', version = ''] = segments;
    const api = root === 'apis' && version !== '' ? apis.find(group, version) : undefined;
    if (!api) return undefined;
    return proxied({ context, apis, api }, request, segments.length === 3 ? discoveryMs : undefined);
  };
}

export interface Remote {
  readonly context: ServerContext;
  readonly apis: RemoteApis;
  readonly api: RemoteApi;
}

/** The request as it came, answered by the server behind an APIService. `withinMs`: how long all of it may take. */
export async function proxied(
  { context, apis, api }: Remote,
  request: ServerRequest,
  withinMs?: number,
): Promise<Answer> {
  if (!api.available) return unavailable;
  const end = new AbortController();
  const signal = AbortSignal.any([request.signal, end.signal]);
  const target = await remoteTarget(context, api.spec, {
    path: sentTarget(request),
    user: request.user,
    client: apis.client,
    headers: forwardedHeaders(request),
    tellsWay: true,
  }).catch(unresolved);
  if (!target) return unavailable;
  const timer = withinMs === undefined ? undefined : context.clock.schedule(withinMs, () => end.abort());
  try {
    const caller = await context.outbound.caller();
    const body = await bodyOf(request);
    const call = { target: body ? target : bodiless(target), method: request.method, ...(body ? { body } : {}) };
    const message = await caller.open(call, signal);
    message.once('close', () => timer?.[Symbol.dispose]());
    return answerOf(message, target, request.method);
  } catch (error) {
    timer?.[Symbol.dispose]();
    const why = end.signal.aborted ? 'context deadline exceeded' : reasonOf(error);
    context.log.debug('a server behind an APIService did not answer', { name: api.spec.name, reason: why });
    return plainError(503, `error trying to reach service: ${why}\n`);
  }
}

/** Nothing stands behind the Service now. */
function unresolved(error: unknown): undefined {
  if (!(error instanceof CallError)) throw error;
}

export function reasonOf(error: unknown): string {
  if (error instanceof CallError) return error.cause === undefined ? error.message : networkWords(error.cause);
  // A header that cannot be sent, such as a user's name with a line's end.
  if ((error as { code?: unknown }).code === 'ERR_INVALID_CHAR') return 'net/http: invalid header field value';
  throw error;
}

/** As it comes: what another server takes is not limited here. */
async function bodyOf({ body }: ServerRequest): Promise<Uint8Array | Readable | undefined> {
  if (body.type !== 'value' && body.stream) return body.stream();
  if (body.type === 'none') return undefined;
  const bytes = await bytesOf(body);
  return bytes.length > 0 ? bytes : undefined;
}

/** A server that is told of a body waits for it, or takes what comes next for it. */
function bodiless(target: HttpsTarget): HttpsTarget {
  const { 'content-length': _, ...headers } = target.headers ?? {};
  return { ...target, headers };
}

function answerOf(message: IncomingMessage, { headers: asked = {} }: HttpsTarget, method: string): Answer {
  const status = message.statusCode ?? 502;
  if (status < 200 || status > 599) {
    message.destroy();
    return textAnswer(502, `the backend answered with the status ${status}\n`);
  }
  // Its clients would go there with what they have to show here.
  if (status >= 300 && status <= 399 && message.headers.location !== undefined) {
    message.destroy();
    return textAnswer(502, 'the backend attempted to redirect this request, which is not permitted');
  }
  const headers = answeredHeaders(message.headers);
  // Who asks for nothing packed may not be able to read it (net/http Transport).
  const isPlain = asked['accept-encoding'] === undefined && asked['range'] === undefined && method !== 'HEAD';
  if (!isPlain || !isPacked(message)) return { type: 'proxied', status, headers, chunks: told(message) };
  const { 'content-encoding': _, 'content-length': _length, ...others } = headers;
  return { type: 'proxied', status, headers: others, chunks: told(unpacked(message)) };
}

/** @throws ApiError – it broke off. */
async function* told(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* chunks;
  } catch (error) {
    throw apiError('InternalError', `the answer of the server behind an APIService broke off: ${networkWords(error)}`);
  }
}

function textAnswer(status: number, text: string): Answer {
  return { type: 'text', status, text };
}
