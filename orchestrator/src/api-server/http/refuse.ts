import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { apiError } from '@berth/kube';
import { badRequest, type Refusal, unsupportedCoding, unsupportedVersion } from './malformed-head.ts';

/** How long what is left of a bad request may take to come. */
const lingerMs = 1000;

interface ParseError extends NodeJS.ErrnoException {
  readonly rawPacket?: Buffer;
}

interface Exchange {
  readonly message: IncomingMessage;
  readonly response: ServerResponse;
}

/** What a connection asked for last, whether or not its answer has begun. */
const asked = new WeakMap<Duplex, Exchange>();

const refused = new WeakSet<Duplex>();

/** From here on what cannot be read of its HTTP/1.1 connection lies in its body, or behind it. */
export function noteAsked(message: IncomingMessage, response: ServerResponse): void {
  asked.set(message.socket, { message, response });
}

/** Whether nothing that comes of it is read as a request any more. */
export function isRefused(socket: Duplex): boolean {
  return refused.has(socket);
}

/** By Node's words: its codes do not tell a coding that is none from one beside a length. */
const refusals: Readonly<Record<string, Refusal>> = {
  'Parse Error: Header overflow': { status: '431 Request Header Fields Too Large' },
  'Parse Error: Invalid HTTP version': unsupportedVersion,
  'Parse Error: Request has invalid `Transfer-Encoding`': unsupportedCoding,
  'Parse Error: Invalid `Transfer-Encoding` header value': unsupportedCoding,
  'Parse Error: Empty Transfer-Encoding': unsupportedCoding,
};

/** Whether a coding that is none is beside a length. */
const otherCoding = /\ntransfer-encoding:(?![ \t]*chunked[ \t]*\r)/i;

function refusalOf({ message, rawPacket }: ParseError): Refusal {
  const isBeside = message.includes("can't be present with") && otherCoding.test(rawPacket?.toString('latin1') ?? '');
  return isBeside ? unsupportedCoding : (refusals[message] ?? badRequest);
}

/** What Node's parser cannot read: as by Go's server, what was asked before is answered, then this is, and the connection ends. */
export function refuseUnread(error: ParseError, socket: Duplex): void {
  const { code } = error;
  // Nobody reads what comes behind a last request.
  if (refused.has(socket) || code === 'HPE_CLOSED_CONNECTION') return;
  if (code === 'ECONNRESET' || code === 'ERR_HTTP_REQUEST_TIMEOUT') return void socket.destroy();
  const last = asked.get(socket);
  if (last && !last.message.complete) breakBody(last, error, socket as Socket);
  else onceAnswered(socket, () => refuse(socket, refusalOf(error)));
}

/** Calls `next` once all that its connection asked for before is answered. */
export function onceAnswered(socket: Duplex, next: () => void): void {
  const last = asked.get(socket);
  if (!last || last.response.closed) next();
  else last.response.once('close', next);
}

/** Answers a connection as Go's server does what it cannot read, and ends it. */
export function refuse(socket: Duplex, { status, text = status }: Refusal): void {
  // What still comes of it is just as wrong.
  if (refused.has(socket)) return;
  refused.add(socket);
  if (!socket.writable) return void socket.destroy();
  const head = 'Content-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n';
  socket.end(`HTTP/1.1 ${status}\r\n${head}${text}`);
  linger(socket);
}

/** After its last answer: a client that is still writing would lose that with its connection. */
export function linger(socket: Duplex): void {
  socket.resume();
  (socket as Socket).setTimeout?.(lingerMs, () => socket.destroy());
}

/** As Go's reader of chunks says it, by Node's words. */
const chunkErrors: Readonly<Record<string, string>> = {
  'Parse Error: Invalid character in chunk size': 'invalid byte in chunk length',
  'Parse Error: Chunk size overflow': 'http chunk length too large',
  'Parse Error: Missing expected CR after chunk size': 'chunked line ends with bare LF',
};

/** Who reads it hears why it ends; who does not answers as ever, and the connection ends. */
function breakBody({ message, response }: Exchange, error: Error, socket: Socket): void {
  const words = chunkErrors[error.message] ?? 'malformed chunked encoding';
  if (response.closed) return socket.destroySoon();
  response.shouldKeepAlive = false;
  response.once('close', () => socket.destroySoon());
  // It may wait for its turn, and nobody listen yet.
  message.on('error', () => undefined);
  // Node would end the connection with it.
  message._destroy = (cause, done) => done(cause);
  message.destroy(apiError('Unknown', words, { code: 500 }));
}
