import { type IncomingMessage, STATUS_CODES } from 'node:http';
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2';
import type { Duplex, Readable } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import type { Rng } from '@berth/kit';
import type { ApiError } from '@berth/kube';
import { InternalError } from '../internal-error.ts';
import { documentEnd } from '../representation/represent.ts';
import type { RequestBody, ServerRequest } from '../server-request.ts';
import { fewBytes, gatherPieces } from './gather-pieces.ts';
import { maxBodyBytes, readBody } from './read-body.ts';

/** Shared: nobody changes a request's query. */
const noQuery = new URLSearchParams();

/** Go reads nothing of a query that has more (net/url defaultMaxParams). */
const mostParameters = 10_000;

function queryOf(text: string): URLSearchParams {
  // Each takes a character and more, but the last.
  if (text.length >= mostParameters) {
    let count = 1;
    for (let at = text.indexOf('&'); at >= 0; at = text.indexOf('&', at + 1)) count++;
    if (count > mostParameters) return noQuery;
  }
  return new URLSearchParams(doubtful.test(text) ? readable(text) : text);
}

/** What a query need not be read twice without. */
const doubtful = /[%;]/;

/** Go passes over what has an escape that is none, or a semicolon (net/url parseQuery). */
function readable(text: string): string {
  const isRead = (pair: string) => !/;|%(?![\da-f]{2})/i.test(pair);
  return text.split('&').filter(isRead).join('&');
}

interface IncomingParts {
  readonly signal: AbortSignal;
  readonly auditId: string;
  readonly warnings: Set<string>;
  readonly wanted?: (() => void) | undefined;
  readonly bodyRead?: ((bytes: number) => void) | undefined;
}

/** What a message asks, before anyone knows whose it is. `wanted` hears that its body is read, `bodyRead` how long it was. */
export function serverRequest(
  message: IncomingMessage,
  { signal, auditId, warnings, wanted, bodyRead }: IncomingParts,
): ServerRequest {
  const { accept, 'content-type': contentType, 'user-agent': userAgent } = message.headers;
  return {
    method: message.method ?? 'GET',
    ...targetOf(message.url ?? '/'),
    user: { name: '', groups: [] },
    accept,
    contentType,
    ...(userAgent === undefined ? {} : { userAgent }),
    body: bodyOf(message, { wanted, bodyRead }),
    wire: { message, auditId },
    signal,
    warn: (text) => warnings.add(text),
  };
}

/** What a request's target names. */
export function targetOf(url: string): Pick<ServerRequest, 'path' | 'query'> {
  const question = url.indexOf('?');
  return {
    path: question < 0 ? url : url.slice(0, question),
    query: question < 0 ? noQuery : queryOf(url.slice(question + 1)),
  };
}

function bodyOf(
  message: IncomingMessage,
  { wanted, bodyRead }: Pick<IncomingParts, 'wanted' | 'bodyRead'>,
): RequestBody {
  const stream = () => {
    wanted?.();
    return message as Readable;
  };
  if (message.method === 'GET' || message.method === 'HEAD')
    return hasBody(message) ? { type: 'none', stream } : { type: 'none' };
  const { 'content-length': announced } = message.headers;
  // From the first piece on, and they may come before anyone reads.
  if (!(Number(announced) <= fewBytes)) gatherPieces(piecesOf(message));
  let read: Promise<Uint8Array> | undefined;
  const readOnce = async () => {
    const length = Number(announced ?? 0);
    // What is too long need not come.
    if (length <= maxBodyBytes) wanted?.();
    const bytes = await readBody(message as Readable, length);
    bodyRead?.(bytes.byteLength);
    return bytes;
  };
  return {
    type: 'bytes',
    read: () => {
      read ??= readOnce();
      return read;
    },
    stream,
  };
}

function hasBody(message: IncomingMessage): boolean {
  const { stream } = message as unknown as Partial<Http2ServerRequest>;
  if (stream) return !stream.endAfterHeaders;
  const { 'content-length': length = '0', 'transfer-encoding': pieces } = message.headers;
  return pieces !== undefined || Number(length) > 0;
}

/** Where the pieces of a body come in. */
function piecesOf(message: IncomingMessage): Readable {
  return (message as unknown as Http2ServerRequest).stream ?? message;
}

/** HTTP/2 hides the socket behind a proxy that is another object each time. */
export function tlsSocketOf(message: IncomingMessage): TLSSocket {
  const { stream } = message as unknown as Http2ServerRequest;
  return (stream?.session?.socket ?? message.socket) as TLSSocket;
}

/** A client that names its request finds it again in logs and audit (apiserver WithAuditInit). */
export function auditIdOf(message: IncomingMessage, rng: Rng): string {
  const given = message.headers['audit-id'];
  // It comes back in a header.
  return typeof given === 'string' && given !== '' && /^[\x20-\x7e]+$/.test(given) ? given : rng.uuid();
}

/** As Go's server has it (rstAvoidanceDelay). */
const lingerMs = 500;

/** What is left of a body that nobody reads does not come any more; a client of HTTP/1.1 is told so in its answer. */
export function closeAfter(message: IncomingMessage, response: Http2ServerResponse): void {
  // Both are gone from the request once it has ended.
  const { stream } = message as unknown as Http2ServerRequest;
  if (stream) {
    response.once('finish', () => stream.close());
    return;
  }
  // Nor has the request one from where its body was refused.
  const socket = (message.socket ?? response.socket) as TLSSocket | null;
  if (!socket) return;
  // Such an answer has Node destroy the connection once it is written; a client that is still writing would lose it.
  socket.destroySoon = () => {
    socket.end();
    socket.setTimeout?.(lingerMs, () => socket.destroy());
  };
  if (!response.headersSent) response.setHeader('connection', 'close');
  // Once it is answered, nothing tells a reader of its body that no more comes.
  response.once('finish', () => socket.once('close', () => message.destroy()));
}

export function refuseUpgrade(socket: Duplex, error: ApiError): void {
  const { status } = error;
  const [body, type] =
    error instanceof InternalError
      ? [error.text, 'text/plain; charset=utf-8']
      : [`${JSON.stringify(status)}${documentEnd}`, 'application/json'];
  const head = `HTTP/1.1 ${status.code} ${STATUS_CODES[status.code ?? 500] ?? ''}\r\nContent-Type: ${type}\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n`;
  socket.end(head + body);
}
