import { type IncomingMessage, type ServerResponse, setMaxIdleHTTPParsers } from 'node:http';
import {
  constants,
  createSecureServer,
  type Http2SecureServer,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type SecureServerOptions,
  type ServerHttp2Session,
} from 'node:http2';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Clock } from '@berth/kit';
import { certificatesOf } from '../authentication/certificate-roots.ts';
import { beginInTurns } from './begin-in-turns.ts';
import { endInTurns, openOn } from './end-in-turns.ts';
import type { HandlerParts } from './handler-parts.ts';
import { HttpHandler } from './http-handler.ts';
import { LargeHeads } from './large-heads.ts';
import { atMost } from './live-requests.ts';
import { badRequest, malformedHead, type Refusal } from './malformed-head.ts';
import { outliveStreamErrors } from './outlive-stream-errors.ts';
import { pauseReading } from './pause-reading.ts';
import { readInTurns } from './read-in-turns.ts';
import { readWhenResumed } from './read-when-resumed.ts';
import { isRefused, noteAsked, onceAnswered, refuse, refuseUnread } from './refuse.ts';
import { connectForm, originForm } from './request-target.ts';
import { soleResponse } from './sole-response.ts';
import { unparsedRequest } from './unparsed-request.ts';
import { wantedUpgrade } from './wanted-upgrade.ts';

export type { Upgrade } from './handler-parts.ts';

/** PEM: the server's certificate (chain) and key, and the authority of client certificates. */
export interface Credentials {
  readonly cert: string;
  readonly key: string;
  readonly clientCa: string;
}

export interface ListenOptions extends Credentials {
  readonly address: string;
  /** 0 picks a free one. */
  readonly port: number;
  /** Where these are kept: what changes there counts at once. */
  readonly files?: Credentials;
}

export interface Listener extends AsyncDisposable {
  readonly address: string;
  readonly port: number;
  /** Shows these from now on, and believes no certificate that they do not, on connections there are as well. */
  renew(credentials: Credentials): void;
}

/**
 * A request's line and headers, however many lines they are: a selector of 20,000 terms has its place. Go takes a megabyte;
 * reading a selector of that length would hold all others up for more than 50 ms.
 */
const mostHeaderBytes = 256 * 1024;
/**
 * The same of HTTP/2. Its library ends a connection, and all that is asked on it, at one header beyond this; clients that know
 * do not send it.
 */
const mostHttp2HeaderBytes = 64 * 1024;
/**
 * Headers of a request of HTTP/2. Those bytes, each header's 32 (RFC 9113 §6.5.2) among them, have room for about as many groups of a user.
 * Node reserves memory for as many with each request.
 */
const mostHttp2Headers = 1024;

/**
 * Requests under way on one connection of HTTP/2: as upstream, what clients take for granted until they are told. What they begin in one
 * packet begins in one turn, and is kept until it is answered.
 */
const mostStreams = 100;
/** Requests that a client gives up at once before its connection ends: as many as Go's server begins. */
const mostResets = 4 * mostStreams;

/** A connection that nothing is asked on ends after this, as Go's server has it. */
const idleMs = 90_000;
/** How long a client may take for its first word, and for its part of the handshake that follows. */
const handshakeMs = 10_000;
/** Parsers kept for connections to come: Node keeps a thousand once there were so many, of 17 kB each. */
const idleParsers = 16;
/** A client of a server that ends may be as slow; upstream waits for the 60 s of its `--request-timeout`, which who stops a server by hand would not. */
const drainMs = 10_000;
/** How long connections of a server that ends wait for one request more, whose answer says that it was the last. */
const lastWordMs = 500;

/** HTTPS for everyone outside the process: HTTP/2, and HTTP/1.1 for upgrades and old clients. */
export async function listen(options: ListenOptions, parts: HandlerParts): Promise<Listener> {
  const { frontProxy } = parts.authentication;
  setMaxIdleHTTPParsers(idleParsers);
  const server = createSecureServer(serverOptions(options, frontProxy?.ca));
  // An HTTP/1.1 client that opens a connection and says nothing is cut off; how long a request may take is not known here.
  const idle = {
    keepAliveTimeout: idleMs,
    headersTimeout: 32_000,
    requestTimeout: 0,
    maxRequestsPerSocket: 0,
    maxHeadersCount: 0,
    // Refused here, with words.
    requireHostHeader: false,
  };
  // Who asks for a protocol that is not served there is answered in HTTP/1.1, as by Go's server.
  const shouldUpgradeCallback = (message: IncomingMessage) => wantedUpgrade(message, parts.isRemote) !== undefined;
  Object.assign(server, { ...idle, shouldUpgradeCallback });
  let userRoots = certificatesOf(options.clientCa);
  const authentication = {
    ...parts.authentication,
    get userRoots() {
      return userRoots;
    },
  };
  const { live } = serve(server, { ...parts, authentication });
  beginInTurns(server, parts.clock, handshakeMs);
  server.prependListener('secureConnection', endInTurns);
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
    renew: (credentials) => {
      userRoots = certificatesOf(credentials.clientCa);
      server.setSecureContext(secrets(credentials, frontProxy?.ca));
    },
    [Symbol.asyncDispose]: async () => {
      // Node would cut off answers that are not written yet, and requests on their way: connections end with their next answer.
      Object.assign(server, { closeIdleConnections: () => undefined });
      // Those of HTTP/2 are told to take their next request elsewhere.
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      await live.drain(parts.clock, drainMs);
      await atMost(parts.clock, lastWordMs, closed);
      await live.drain(parts.clock, lastWordMs);
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

function secrets({ cert, key, clientCa }: Credentials, proxyCa: string | undefined) {
  return {
    cert,
    key,
    ca: proxyCa === undefined ? clientCa : [clientCa, proxyCa],
    // As Go's roots: an intermediate authority may be one.
    allowPartialTrustChain: true,
  };
}

function serverOptions(credentials: Credentials, proxyCa: string | undefined): SecureServerOptions {
  return {
    allowHTTP1: true,
    ...secrets(credentials, proxyCa),
    requestCert: true,
    // Who has no certificate may have a token, or may look at the version.
    rejectUnauthorized: false,
    handshakeTimeout: handshakeMs,
    settings: {
      maxConcurrentStreams: mostStreams,
      initialWindowSize: 1024 * 1024,
      maxHeaderListSize: mostHttp2HeaderBytes,
    },
    maxHeaderListPairs: mostHttp2Headers,
    streamResetBurst: mostResets,
    maxSessionInvalidFrames: mostStreams,
    // Else a header with a space before or behind it is left out of its request: who is told to act as `jane ` would act as itself.
    strictFieldWhitespaceValidation: false,
    // Of HTTP/1.1 requests.
    ...{ maxHeaderSize: mostHeaderBytes },
  };
}

function serve(server: Http2SecureServer, parts: HandlerParts): HttpHandler {
  const { log, metrics } = parts;
  const handler = new HttpHandler(parts);
  const failed = (error: unknown) => log.error('a connection was not served', { error });
  const largeHeads = new LargeHeads();
  const begin = (request: Http2ServerRequest, response: Http2ServerResponse, wanted?: () => void) => {
    const { stream } = request as Partial<Http2ServerRequest>;
    if (stream && !largeHeads.admits(stream, request.rawHeaders.length / 2))
      return stream.close(constants.NGHTTP2_REFUSED_STREAM);
    const refusal = refusalOf(request as unknown as IncomingMessage);
    if (refusal !== undefined) {
      if (stream) return stream.close(constants.NGHTTP2_PROTOCOL_ERROR);
      return refuse(request.socket, refusal);
    }
    // About the server as a whole (RFC 9110 §9.3.7).
    if (request.url === '*' && request.method === 'OPTIONS') return void response.writeHead(200).end();
    void handler.request(request, response, wanted).catch(failed);
  };
  /** Nobody reads what comes behind their last request. */
  const last = new WeakSet<Duplex>();
  const beginAlone = (message: IncomingMessage) =>
    onceAnswered(message.socket, () =>
      begin(message as unknown as Http2ServerRequest, soleResponse(message, message.socket)),
    );
  server.on('request', (request, response) => onceNext(request, response, () => begin(request, response)));
  // Told to go on once its body is read, as by Go's server: what is refused before need not come.
  server.on('checkContinue', (request, response) =>
    onceNext(request, response, () => begin(request, response, () => response.writeContinue())),
  );
  // Over HTTP/2 Go's server passes over what else is expected, and everywhere over nothing.
  server.on('checkExpectation', (request, response) =>
    onceNext(request, response, () => {
      if (request.stream || request.headers.expect === '') begin(request, response);
      else response.writeHead(417, { connection: 'close', 'content-length': 0 }).end();
    }),
  );
  server.on('upgrade', (message: IncomingMessage, socket: Duplex, head: Buffer) => {
    const refusal = refusalOf(message);
    if (refusal !== undefined) return refuse(socket, refusal);
    void handler.upgrade(message, socket, head).catch(failed);
  });
  // A method like others, as with Go's server.
  server.on('connect', (request: IncomingMessage | Http2ServerRequest, response: Http2ServerResponse) => {
    if ('stream' in request) begin(request, response);
    else beginAlone(request);
  });
  server.on('session', (session) => endWhenIdle(session, parts.clock));
  server.on('session', (session) => outliveStreamErrors(session, parts.clock));
  server.on('session', pauseReading);
  server.on('sessionError', (error) => log.debug('a connection failed', { error }));
  server.on('tlsClientError', (error) => {
    metrics.tlsErrors.add();
    log.debug('a TLS handshake failed', { error });
  });
  server.on('clientError', (error, socket) => {
    if (last.has(socket) || readWhenResumed(error, socket)) return;
    const message = unparsedRequest(error, socket);
    if (!message) return refuseUnread(error, socket);
    last.add(socket);
    beginAlone(message);
  });
  return handler;
}

/**
 * Of requests that an HTTP/1.1 client sends before it has the answer to the one before, each is begun behind that answer, as by Go's
 * server: it sees what those before it wrote, and of thousands in one packet little more than their heads is there.
 */
function onceNext(request: Http2ServerRequest, response: Http2ServerResponse, begin: () => void): void {
  if (!request.stream) {
    noteAsked(request as unknown as IncomingMessage, response as unknown as ServerResponse);
    if (request.headers['transfer-encoding'] !== undefined) readInTurns(request.socket as Socket);
  }
  // Its answer has the connection once it is the next; a stream of HTTP/2 has one at any time.
  if (response.socket === null) (response as unknown as ServerResponse).once('socket', begin);
  else begin();
}

/** A watch that is silent is not idle: only a session without streams is. */
function endWhenIdle(session: ServerHttp2Session, clock: Clock): void {
  const open = openOn(session.socket);
  let idle = clock.schedule(idleMs, () => session.close());
  session.on('stream', (stream) => {
    idle[Symbol.dispose]();
    open.streams++;
    stream.once('close', () => {
      if (--open.streams === 0 && !session.closed) idle = clock.schedule(idleMs, () => session.close());
    });
  });
  session.once('close', () => idle[Symbol.dispose]());
}

/** Why a request is none, as Go's server says it; undefined: it is one, and its target a path from here on. */
function refusalOf(message: IncomingMessage): Refusal | undefined {
  if (isRefused(message.socket)) return badRequest;
  const { method, url = '' } = message;
  const form = method === 'CONNECT' ? connectForm(url) : originForm(url);
  if (form !== undefined && form !== message.url) message.url = form;
  return form === undefined ? badRequest : malformedHead(message);
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
