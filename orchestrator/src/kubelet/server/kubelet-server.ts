import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { type Logger, messageOf } from '@berth/kit';
import { ApiError, apiError } from '@berth/kube';
import type { NodeApi } from '../../node-api.ts';
import { kubeletRights } from './kubelet-rights.ts';
import { upgradeKubelet } from './upgrade-kubelet.ts';

/** Who asks, by their certificate. */
export interface KubeletUser {
  readonly name: string;
  readonly groups: readonly string[];
}

/** PEM: a server's own certificate and key, and the authority of those who may come. */
export interface KubeletCredentials {
  readonly cert: string;
  readonly key: string;
  readonly clientCa: string;
}

export interface KubeletServerOptions extends KubeletCredentials {
  readonly nodeName: string;
  readonly address: string;
  /** Undefined until the kubelet runs. */
  readonly api: () => NodeApi | undefined;
  /** Whether somebody may do this with one of these subresources of the node (the authorizer of kubelet's server). */
  readonly mayDo: (user: KubeletUser, verb: string, subresources: readonly string[]) => Promise<boolean>;
  readonly log: Logger;
}

export interface KubeletServer extends AsyncDisposable {
  readonly port: number;
  /** Whom new connections are shown, and who may come on them. */
  renew(credentials: KubeletCredentials): void;
}

/** Logs, exec, attach, port-forward and the node's own pages, for API servers of other processes, by kubelet's paths over TLS. */
export async function startKubeletServer(options: KubeletServerOptions, signal: AbortSignal): Promise<KubeletServer> {
  const { address } = options;
  const server = createServer({ ...secrets(options), requestCert: true, rejectUnauthorized: false });
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  const handler = new Handler(options, signal);
  server.on('request', (request, response) => void handler.request(request, response));
  server.on('upgrade', (request, socket, head) => void handler.upgrade(request, socket, head));
  await listening(server, address);
  return {
    port: (server.address() as AddressInfo).port,
    renew: (credentials) => server.setSecureContext(secrets(credentials)),
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

function secrets({ cert, key, clientCa }: KubeletCredentials) {
  return { cert, key, ca: clientCa };
}

function listening(server: Server, address: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, address, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

class Handler {
  readonly #o: KubeletServerOptions;
  readonly #signal: AbortSignal;

  constructor(options: KubeletServerOptions, signal: AbortSignal) {
    this.#o = options;
    this.#signal = signal;
  }

  async request(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    try {
      await this.#admit(request);
      const signal = AbortSignal.any([gone.signal, this.#signal]);
      const { method = '', url = '' } = request;
      const { status, contentType, chunks } = await this.#kubelet().page(method, url, signal);
      response.writeHead(status, { 'content-type': contentType });
      response.flushHeaders();
      for await (const chunk of chunks) if (!response.write(chunk)) await drained(response, signal);
      response.end();
    } catch (error) {
      if (response.headersSent) return void response.destroy();
      const { code, text } = answerOf(error);
      response.writeHead(code, { 'content-type': 'text/plain; charset=utf-8' }).end(text);
    }
  }

  async upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    socket.on('error', () => undefined);
    try {
      await this.#admit(request);
      const connection = { message: request, socket, head };
      await upgradeKubelet(connection, { node: this.#kubelet(), url: request.url ?? '' }, this.#signal);
    } catch (error) {
      const { code, text } = answerOf(error);
      const head = `HTTP/1.1 ${code} ${code}\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n`;
      socket.end(`${head}Content-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`);
    }
  }

  /** @throws ApiError Unauthorized, Forbidden. */
  async #admit(request: IncomingMessage): Promise<void> {
    const user = userOf(request.socket as TLSSocket);
    if (!user) throw apiError('Unauthorized', 'Unauthorized');
    const { verb, subresources } = kubeletRights(request.method ?? '', request.url ?? '');
    if (await this.#o.mayDo(user, verb, subresources)) return;
    const what = `resource=nodes, subresource(s)=[${subresources.join(' ')}]`;
    throw apiError('Forbidden', `Forbidden (user=${user.name}, verb=${verb}, ${what})\n`);
  }

  #kubelet(): NodeApi {
    const api = this.#o.api();
    if (!api) throw apiError('ServiceUnavailable', `the kubelet of node ${this.#o.nodeName} is starting`);
    return api;
  }
}

/** Undefined: the certificate is none of the authority's. */
function userOf(socket: TLSSocket): KubeletUser | undefined {
  if (!socket.authorized) return undefined;
  const { subject } = socket.getPeerCertificate();
  const { CN: name, O: groups } = subject as { readonly CN?: string | string[]; readonly O?: string | string[] };
  if (typeof name !== 'string' || name === '') return undefined;
  return { name, groups: [groups ?? []].flat() };
}

function answerOf(error: unknown): { readonly code: number; readonly text: string } {
  if (error instanceof ApiError) return { code: error.status.code ?? 500, text: error.message };
  return { code: 500, text: messageOf(error) };
}

function drained(response: ServerResponse, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      response.off('drain', done);
      signal.removeEventListener('abort', done);
      resolve();
    };
    response.once('drain', done);
    signal.addEventListener('abort', done, { once: true });
    if (signal.aborted) done();
  });
}
