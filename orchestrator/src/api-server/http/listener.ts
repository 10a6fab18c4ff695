import type { IncomingMessage } from 'node:http';
import {
  createSecureServer,
  type Http2SecureServer,
  type Http2ServerRequest,
  type Http2ServerResponse,
} from 'node:http2';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex, Readable } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { type Clock, type Logger, messageOf } from '@berth/kit';
import { ApiError, apiError } from '@berth/kube';
import type { Authentication } from '../authentication/authentication.ts';
import { impersonated } from '../authorization/impersonate.ts';
import type { RequestPipeline } from '../request-pipeline.ts';
import type { RequestBody, ServerRequest } from '../server-request.ts';
import type { User } from '../user.ts';
import { authenticate } from './authenticate.ts';
import { readBody } from './read-body.ts';
import { type Reply, respond, respondError } from './respond.ts';

export interface ListenOptions {
  readonly address: string;
  /** 0 picks a free one. */
  readonly port: number;
  /** PEM: the server's certificate (chain) and key, and the authority of client certificates. */
  readonly cert: string;
  readonly key: string;
  readonly clientCa: string;
}

export interface Listener extends AsyncDisposable {
  readonly address: string;
  readonly port: number;
}

/** An authenticated wish to change protocols: exec, attach and port-forward. */
export interface Upgrade {
  readonly message: IncomingMessage;
  readonly socket: Duplex;
  readonly head: Buffer;
  readonly request: ServerRequest;
}

export interface ListenerParts {
  readonly pipeline: RequestPipeline;
  readonly clock: Clock;
  readonly log: Logger;
  readonly authentication: Authentication;
  /** Takes the socket over, or throws ApiError before it wrote anything. */
  readonly upgrade: (upgrade: Upgrade) => Promise<void>;
  /** Told of every finished request. */
  readonly observe: (request: ServerRequest, status: number, seconds: number) => void;
}

/** HTTPS for everyone outside the process: HTTP/2, and HTTP/1.1 for upgrades and old clients. */
export async function listen(options: ListenOptions, parts: ListenerParts): Promise<Listener> {
  const server = createSecureServer({
    allowHTTP1: true,
    cert: options.cert,
    key: options.key,
    ca: options.clientCa,
    requestCert: true,
    // Who has no certificate may have a token, or may look at the version.
    rejectUnauthorized: false,
    handshakeTimeout: 10_000,
    settings: { maxConcurrentStreams: 1000, initialWindowSize: 1024 * 1024 },
  });
  // An HTTP/1.1 client that opens a connection and says nothing is cut off.
  Object.assign(server, { headersTimeout: 30_000, requestTimeout: 60_000 });
  const handler = new HttpHandler(parts);
  const failed = (error: unknown) => parts.log.error('a connection was not served', { error });
  server.on('request', (request, response) => void handler.request(request, response).catch(failed));
  server.on('upgrade', (message: IncomingMessage, socket: Duplex, head: Buffer) => {
    void handler.upgrade(message, socket, head).catch(failed);
  });
  server.on('sessionError', (error) => parts.log.debug('a connection failed', { error }));
  server.on('tlsClientError', (error) => parts.log.debug('a TLS handshake failed', { error }));
  server.on('clientError', (_error: Error, socket: Duplex) => socket.destroy());
  const sockets = trackSockets(server);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, options.address, () => {
      server.off('error', reject);
      resolve();
    });
  });
  const { address, port } = server.address() as AddressInfo;
  return {
    address,
    port,
    [Symbol.asyncDispose]: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

function trackSockets(server: Http2SecureServer): ReadonlySet<Socket> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.setNoDelay(true);
    socket.setKeepAlive(true, 30_000);
    socket.once('close', () => sockets.delete(socket));
  });
  return sockets;
}

class HttpHandler {
  readonly #parts: ListenerParts;

  constructor(parts: ListenerParts) {
    this.#parts = parts;
  }

  async request(message: Http2ServerRequest, response: Http2ServerResponse): Promise<void> {
    const { clock, log, pipeline, observe } = this.#parts;
    const gone = new AbortController();
    const cutOff = () => {
      // Every response closes in the end, and an abort captures a stack: only where there is work to give up.
      if (!response.writableEnded) gone.abort();
    };
    for (const stream of [response, message]) stream.on('error', cutOff);
    response.on('close', cutOff);
    const warnings = new Set<string>();
    const request = serverRequest(message as unknown as IncomingMessage, gone.signal, warnings);
    const started = clock.monotonicMs();
    const reply: Reply = { response, request, headers: message.headers, warnings, now: clock.now() };
    let status = 200;
    try {
      const user = await this.#authenticate(message as unknown as IncomingMessage);
      const known = { ...request, user };
      const answer = await pipeline.handle(known);
      if ('status' in answer) status = answer.status;
      if (!gone.signal.aborted) await respond(answer, { ...reply, request: known });
    } catch (error) {
      if (gone.signal.aborted) return;
      const known = asStatus(error, log, request);
      status = known.status.code ?? 500;
      if (status === 413) closeAfter(message, response);
      await respondError(known, reply);
    } finally {
      observe(request, status, (clock.monotonicMs() - started) / 1000);
    }
  }

  async upgrade(message: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const gone = new AbortController();
    socket.once('close', () => gone.abort());
    socket.on('error', () => gone.abort());
    const request = serverRequest(message, gone.signal, new Set());
    try {
      const user = await this.#authenticate(message);
      await this.#parts.upgrade({ message, socket, head, request: { ...request, user } });
    } catch (error) {
      refuseUpgrade(socket, asStatus(error, this.#parts.log, request));
    }
  }

  async #authenticate(message: IncomingMessage): Promise<User> {
    const { authentication, pipeline } = this.#parts;
    const caller = await authenticate(message.headers.authorization, tlsSocketOf(message), authentication);
    return impersonated(caller, message.headers, pipeline.authorizer);
  }
}

/** HTTP/2 hides the socket behind a proxy that is another object each time. */
function tlsSocketOf(message: IncomingMessage): TLSSocket {
  const { stream } = message as unknown as Http2ServerRequest;
  return (stream?.session?.socket ?? message.socket) as TLSSocket;
}

function serverRequest(message: IncomingMessage, signal: AbortSignal, warnings: Set<string>): ServerRequest {
  const url = message.url ?? '/';
  const question = url.indexOf('?');
  const { accept, 'content-type': contentType, 'user-agent': userAgent } = message.headers;
  return {
    method: message.method ?? 'GET',
    path: question < 0 ? url : url.slice(0, question),
    query: new URLSearchParams(question < 0 ? '' : url.slice(question + 1)),
    user: { name: '', groups: [] },
    accept,
    contentType,
    ...(userAgent === undefined ? {} : { userAgent }),
    body: bodyOf(message),
    signal,
    warn: (text) => warnings.add(text),
  };
}

function bodyOf(message: IncomingMessage): RequestBody {
  if (message.method === 'GET' || message.method === 'HEAD') return { type: 'none' };
  let read: Promise<Uint8Array> | undefined;
  return {
    type: 'bytes',
    read: () => {
      read ??= readBody(message as Readable, Number(message.headers['content-length'] ?? 0));
      return read;
    },
  };
}

/** A mistake of ours is logged and never explained to the client. */
function asStatus(error: unknown, log: Logger, { method, path }: ServerRequest): ApiError {
  if (error instanceof ApiError) return error;
  if ((error as { code?: unknown }).code === 'ECONNRESET') return apiError('BadRequest', 'the request was cut off');
  log.error('a request failed', {
    method,
    path,
    error,
    stack: error instanceof Error ? error.stack : messageOf(error),
  });
  return apiError('InternalError', `Internal error occurred: ${messageOf(error)}`);
}

/** What is left of a body that is too large is not read. */
function closeAfter(message: Http2ServerRequest, response: Http2ServerResponse): void {
  // Both are gone from the request once it has ended.
  const { stream } = message;
  const { socket } = message as unknown as IncomingMessage;
  response.once('finish', () => {
    if (stream) stream.close();
    else socket?.destroySoon();
  });
}

function refuseUpgrade(socket: Duplex, { status }: ApiError): void {
  const body = JSON.stringify(status);
  const head = `HTTP/1.1 ${status.code} ${status.reason ?? 'Error'}\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n`;
  socket.end(head + body);
}
