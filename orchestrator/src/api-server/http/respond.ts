import type { IncomingHttpHeaders } from 'node:http';
import type { Http2ServerResponse } from 'node:http2';
import { pipeline, Readable, type Writable } from 'node:stream';
import { promisify } from 'node:util';
import { createGzip, gzip } from 'node:zlib';
import type { Clock } from '@berth/kit';
import { type ApiError, apiError, type KubeObject, type Status } from '@berth/kube';
import { turns } from '../decoding/turns.ts';
import { UnpermittedError } from '../forbidden.ts';
import { InternalError } from '../internal-error.ts';
import { type FormedAnswer, offeredFormsOf } from '../representation/check-accept.ts';
import { joinedPieces } from '../representation/joined-pieces.ts';
import { JsonIndenter } from '../representation/json-indenter.ts';
import { cut, type LongBody, wholeBody } from '../representation/long-body.ts';
import { negotiate, plainFormatOf, plainJson } from '../representation/negotiate.ts';
import { documentOf, framesOf, type Presentation } from '../representation/represent.ts';
import type { ResourceDefinition } from '../resource-definition.ts';
import { type Answer, type ServerRequest, unsniffed } from '../server-request.ts';
import type { UpgradeSocket } from '../streaming/accept-websocket.ts';
import { endsInitialEvents } from '../verbs/watch-objects.ts';
import { cutOff } from './cut-off.ts';
import { guessedType } from './guessed-type.ts';
import { joined } from './joined.ts';
import { TimedOut } from './request-deadline.ts';
import { smallPiece, Untaken } from './untaken.ts';
import { warningHeaders } from './warning-headers.ts';

const compress = promisify(gzip);

/** A thread has one memory. */
const untaken = new Untaken();
/** A millisecond's work. */
const indentedBytes = 64 * 1024;

/** In units of {@link turns}: framing, and encrypting. */
const perChunk = 60;
const bytesPerUnit = 100;

/** Upstream's level: the others take many times as long. */
const packing = 1;
/** Upstream's: below this, compressing costs more than it saves. */
const gzipFromBytes = 128 * 1024;

export interface Reply {
  readonly response: Http2ServerResponse;
  request: ServerRequest;
  readonly headers: IncomingHttpHeaders;
  readonly warnings: ReadonlySet<string>;
  readonly clock: Clock;
  /** Headers of every answer to it. */
  readonly extra: Record<string, string>;
  /** Hears of each event a watch is sent. */
  readonly watched?: (definition: ResourceDefinition, bytes: number) => void;
  /** All that there was when a watch began is told. */
  readonly listed?: () => void;
  /** Where what goes on is told in messages. */
  readonly upgrade: UpgradeSocket | undefined;
  /** How long the answer was, where it is known. */
  sentBytes: number | undefined;
}

/** Sends an answer in the form its request accepts. @throws ApiError – before anything was sent. */
export async function respond(answer: Answer, reply: Reply): Promise<void> {
  switch (answer.type) {
    case 'text':
      // Without content it has neither a type nor a length (RFC 9110 §8.6).
      if (answer.status === 204) return void reply.response.writeHead(204, headersOf(reply)).end();
      return send(reply, answer.status, Buffer.from(answer.text), {
        'content-type': answer.contentType ?? 'text/plain; charset=utf-8',
        ...answer.headers,
      });
    case 'document':
      return send(reply, answer.status, answer.body, answer.headers);
    case 'proxied':
      return sendProxied(answer, reply);
    case 'stream':
      if (reply.upgrade)
        return (await import('../streaming/tell-in-messages.ts')).tellStream(answer.chunks, reply.upgrade);
      reply.response.writeHead(200, { ...headersOf(reply), 'content-type': answer.contentType });
      // Clients of what follows, such as a log, know by it that they are let in (rest/StreamObject); the first piece may be long in coming.
      (reply.response as { flushHeaders?: () => void }).flushHeaders?.();
      return void (await pump(answer.chunks, reply));
    case 'watch': {
      const { encode, costOf, contentType } = await framesOf(answer.definition, presentationOf(reply, answer));
      const { watched, listed, upgrade } = reply;
      const counted: typeof encode = (frame) => {
        const line = encode(frame);
        if (line) watched?.(answer.definition, line.byteLength);
        if (frame.type === 'BOOKMARK' && endsInitialEvents(frame)) listed?.();
        return line;
      };
      const lines = mapped(answer.frames, counted, costOf);
      if (upgrade) return (await import('../streaming/tell-in-messages.ts')).tellWatch(lines, contentType, upgrade);
      reply.response.writeHead(200, { ...headersOf(reply), 'content-type': contentType });
      // A client waits for the head to know that it watches.
      (reply.response as { flushHeaders?: () => void }).flushHeaders?.();
      return void (await pump(lines, reply));
    }
    default: {
      const { body, contentType } = await documentOf(answer, presentationOf(reply, answer), reply.request.signal);
      const status = answer.type === 'list' ? 200 : answer.status;
      return send(reply, status, body, { 'content-type': contentType });
    }
  }
}

async function sendProxied(
  { status, headers, chunks }: Extract<Answer, { type: 'proxied' }>,
  reply: Reply,
): Promise<void> {
  const { response, request } = reply;
  const all = { ...headersOf(reply), ...headers };
  // What comes without a length is passed on before there is anything to guess by, by Go's server too.
  const isUntold = headers['content-type'] === undefined && headers['content-encoding'] === undefined;
  if (isUntold && Number(headers['content-length'] ?? 0) > 0 && request.method !== 'HEAD' && status !== 304) {
    const rest = chunks[Symbol.asyncIterator]();
    const { value, done } = await rest.next();
    const first: Uint8Array[] = done === true ? [] : [value];
    if (first[0]) all['content-type'] = guessedType(first[0]);
    response.writeHead(status, all);
    return void (await pump(joined(first, rest), reply));
  }
  response.writeHead(status, all);
  (response as { flushHeaders?: () => void }).flushHeaders?.();
  await pump(chunks, reply);
}

/** Sends an error as its Status, or its words; where the answer has begun, all that is left is to cut it off. */
export async function respondError(error: ApiError, reply: Reply): Promise<void> {
  const { response } = reply;
  if (response.headersSent) return cutOff(response);
  if (error instanceof InternalError) {
    const headers = { 'content-type': 'text/plain; charset=utf-8', ...unsniffed };
    return send(reply, 500, Buffer.from(error.text), headers);
  }
  if (error instanceof TimedOut)
    return send(reply, 504, Buffer.from(error.text), { 'content-type': 'text/plain; charset=utf-8' });
  const { status } = error;
  const retry = status.details?.retryAfterSeconds;
  const { body, contentType } = await statusDocument(status, reply);
  await send(reply, status.code ?? 500, body, {
    'content-type': contentType,
    ...(retry === undefined ? {} : { 'retry-after': String(retry) }),
    ...(error instanceof UnpermittedError ? unsniffed : {}),
  });
}

/** In JSON, too, where the client accepts nothing that there is. */
async function statusDocument(status: Status, { request, clock }: Reply) {
  const format = plainFormatOf(request.accept) ?? 'json';
  const object = status as unknown as KubeObject;
  const representation = { ...plainJson, format };
  // That the request has ended is no reason to say nothing.
  const { signal } = new AbortController();
  return documentOf({ type: 'object', status: 0, object }, { representation, includeObject: '', clock }, signal);
}

/** How a client is shown an answer. @throws ApiError NotAcceptable, BadRequest */
export function presentationOf({ request, clock }: Reply, answer: FormedAnswer): Presentation {
  const includeObject = request.query.get('includeObject') ?? 'Metadata';
  const representation = negotiate(request.accept, offeredFormsOf(answer));
  if (representation.as === 'Table' && !['Metadata', 'Object', 'None', ''].includes(includeObject))
    throw apiError(
      'BadRequest',
      `Unable to convert to Table as requested: includeObject: Invalid value: ${JSON.stringify(includeObject)}: must be 'Metadata', 'Object', 'None', or empty`,
    );
  return { representation, includeObject, clock };
}

function headersOf({ warnings, extra }: Reply): Record<string, string | string[]> {
  const warning = warningHeaders(warnings);
  return { 'cache-control': 'no-cache, private', ...extra, ...(warning.length > 0 ? { warning } : {}) };
}

async function send(
  reply: Reply,
  status: number,
  body: Uint8Array | LongBody,
  more: Readonly<Record<string, string>>,
): Promise<void> {
  const { response, headers, request } = reply;
  const all: Record<string, string | string[]> = { ...headersOf(reply), ...more };
  if (status === 200 && isKnown(headers['if-none-match'], more['etag'])) {
    delete all['content-type'];
    return void response.writeHead(304, all).end();
  }
  const isAsked = request.method !== 'HEAD';
  if (more['content-type']?.startsWith('application/json') && wantsLines(request)) {
    response.writeHead(status, all);
    return isAsked ? pumpCounted(linesOf(body), reply) : void response.end();
  }
  if (request.signal.aborted) return;
  let next = () => smallPiece;
  const content = body instanceof Uint8Array || body.byteLength !== undefined ? body : await begun(body, () => next());
  const length = content.byteLength ?? Number.POSITIVE_INFINITY;
  const part = length > smallPiece ? untaken.begin(response) : undefined;
  const first = part?.next(length) ?? smallPiece;
  const isLong = length > first;
  // What packs an answer holds as much as a large piece.
  const isPacked = first > smallPiece && length >= gzipFromBytes && takesGzip(headers['accept-encoding']);
  next = () => part?.next() ?? first;
  if (isPacked) {
    all['content-encoding'] = 'gzip';
    all['vary'] = all['vary'] ? `Accept-Encoding, ${all['vary']}` : 'Accept-Encoding';
    if (isLong) {
      response.writeHead(status, all);
      return isAsked ? pumpCounted(packed(piecesOf(content, next)), reply) : void response.end();
    }
  }
  const whole = isLong ? undefined : await wholeBody(content);
  const bytes = whole && isPacked ? await compress(whole, { level: packing }) : whole;
  reply.sentBytes = (bytes ?? content).byteLength;
  if (reply.sentBytes !== undefined) all['content-length'] = String(reply.sentBytes);
  response.writeHead(status, all);
  if (bytes) return void response.end(isAsked ? bytes : new Uint8Array());
  return isAsked ? pumpCounted(piecesOf(content, next), reply) : void response.end();
}

/** What is short is told its length, and what is wrong at its beginning is told instead. */
async function begun(body: LongBody, next: () => number): Promise<Uint8Array | LongBody> {
  const rest = body.pieces(next)[Symbol.asyncIterator]();
  const first: Uint8Array[] = [];
  for (let bytes = 0; bytes < gzipFromBytes; ) {
    const { value, done } = await rest.next();
    if (done === true) return joinedPieces(first);
    first.push(value);
    bytes += value.byteLength;
  }
  return { byteLength: undefined, pieces: () => joined(first, rest) };
}

/** Who asks for it, or looks like a person (apiserver negotiation isPrettyPrint). */
function wantsLines({ query, userAgent = '', path, accept }: ServerRequest): boolean {
  if (path.startsWith('/openapi/')) return false;
  const asked = query.get('pretty');
  if (accept?.includes('pretty') && accept.split(',').some(isInLines)) return true;
  return asked ? /^(1|t|true|T|True|TRUE)$/.test(asked) : /^(curl|Wget|Mozilla\/5\.0)/.test(userAgent);
}

function isInLines(range: string): boolean {
  const [type = '', ...parameters] = range.split(';').map((part) => part.trim());
  return type === 'application/json' && parameters.includes('pretty=1');
}

async function* linesOf(body: Uint8Array | LongBody): AsyncGenerator<Uint8Array> {
  const indenter = new JsonIndenter();
  for await (const piece of piecesOf(body, () => indentedBytes)) yield indenter.push(piece);
}

/** As the client takes them. */
function packed(pieces: Pieces): AsyncIterable<Uint8Array> {
  // Who stops reading ends the pieces, too; what is wrong with them is told to the reader.
  return pipeline(Readable.from(pieces), createGzip({ level: packing }), () => {});
}

/** Only where it is named as it is: with a weight it may be what the client refuses (responsewriters negotiateContentEncoding). */
function takesGzip(accepted: string | string[] | undefined): boolean {
  return String(accepted ?? '')
    .split(',')
    .some((coding) => coding.trim() === 'gzip');
}

/** Whether the client has just this already (RFC 9110 §13.1.2). */
function isKnown(asked: string | undefined, etag: string | undefined): boolean {
  if (asked === undefined || etag === undefined) return false;
  return asked === '*' || asked.split(',').some((one) => one.trim().replace(/^W\//, '') === etag);
}

type Pieces = AsyncIterable<Uint8Array> | Iterable<Uint8Array>;

/** `next`: how long each may be, asked once those before it are taken. */
function piecesOf(body: Uint8Array | LongBody, next: () => number): Pieces {
  return body instanceof Uint8Array ? cut(body, next) : body.pieces(next);
}

/** Ends with what has no form. */
async function* mapped<T>(
  items: AsyncIterable<T>,
  encode: (item: T) => Uint8Array | undefined,
  costOf: (item: T) => number,
): AsyncGenerator<Uint8Array> {
  for await (const item of items) {
    const units = costOf(item);
    const pause = units > 0 ? turns.arrive(units) : undefined;
    if (pause) await pause;
    const bytes = encode(item);
    if (!bytes) return;
    yield bytes;
  }
}

/** The same of an answer whose length shows at its end. */
async function pumpCounted(chunks: Pieces, reply: Reply): Promise<void> {
  reply.sentBytes = await pump(chunks, reply, 'goOn');
}

/**
 * Writes chunks as fast as the client takes them; ends when either side does. `kind`: of its turns; what events tell is as urgent as
 * what comes in, of thousands of lists each piece is not. @returns how many bytes it took.
 */
async function pump(chunks: Pieces, { response, request }: Reply, kind: 'arrive' | 'goOn' = 'arrive'): Promise<number> {
  const sink = response as unknown as Writable;
  let bytes = 0;
  for await (const chunk of chunks) {
    if (request.signal.aborted) break;
    // A thousand watchers hear of the same in one turn.
    const pause = turns[kind](perChunk + chunk.byteLength / bytesPerUnit);
    if (pause) await pause;
    if (request.signal.aborted) break;
    bytes += chunk.byteLength;
    if (!sink.write(chunk)) await drained(sink, request.signal);
  }
  if (!request.signal.aborted) response.end();
  return bytes;
}

function drained(sink: Writable, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const done = () => {
      sink.off('drain', done);
      signal.removeEventListener('abort', done);
      resolve();
    };
    sink.once('drain', done);
    signal.addEventListener('abort', done, { once: true });
  });
}
