import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type ServerOptions } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { anAuthority } from './api-server.ts';

export interface Asked {
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  // biome-ignore lint/suspicious/noExplicitAny: reviews of every kind.
  readonly body: any;
  /** The name the client asked for in its handshake. */
  readonly serverName: string | false | null;
}

/** Answers one request: with a JSON value, or by hand. */
export type Answerer = (asked: Asked, response: ServerResponse) => unknown | Promise<unknown>;

/** An HTTPS server with an authority of its own, as webhooks are. */
export async function aWebhookServer(
  answer: Answerer,
  options: { names?: readonly string[]; tls?: ServerOptions; address?: string; authority?: string } = {},
) {
  const authority = await anAuthority(options.authority ?? 'CN=webhook-ca');
  const own = await authority.issue('CN=webhook', 'server', { names: options.names });
  const asked: Asked[] = [];
  const sockets = new Set<Socket>();
  let connections = 0;
  const server = createServer({ ...own, ...options.tls }, (request, response) => {
    void (async () => {
      const chunks: Buffer[] = [];
      for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
      const text = Buffer.concat(chunks).toString();
      const { servername } = request.socket as { servername?: string | false | null };
      const one = {
        path: request.url ?? '',
        headers: request.headers,
        body: text === '' ? undefined : JSON.parse(text),
        serverName: servername ?? null,
      };
      asked.push(one);
      const value = await answer(one, response);
      if (value === undefined) return;
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify(value));
    })().catch(() => response.destroy());
  });
  server.on('connection', (socket) => {
    connections++;
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, options.address ?? '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    authority,
    asked,
    port,
    url: `https://127.0.0.1:${port}`,
    /** Takes over connections that want another protocol. */
    upgrades: (take: (message: IncomingMessage, socket: Duplex) => void) => void server.on('upgrade', take),
    caBundle: Buffer.from(authority.cert).toString('base64'),
    get connections() {
      return connections;
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
