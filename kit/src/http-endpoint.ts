import type { Server } from 'node:http';
import { messageOf } from './errors.ts';
import type { Metrics } from './metrics.ts';

export interface HttpEndpointOptions {
  /** `:8080` or `127.0.0.1:8080`; port 0 picks a free one. */
  readonly address: string;
  readonly metricsPath: string;
  readonly metrics: Metrics;
  /** Resolves when the driver answers; rejects with why it does not. */
  readonly health: () => Promise<unknown>;
}

/** Reads `host:port`, `[::1]:port` or `:port`. @throws RangeError */
export function httpAddress(address: string): { readonly host: string; readonly port: number } {
  const [, host = '', port = ''] = /^(.*):(\d{1,5})$/.exec(address) ?? [];
  if (port === '' || Number(port) > 65_535)
    throw new RangeError(`--http-endpoint "${address}" is not host:port or :port`);
  return { host: host.replace(/^\[(.*)\]$/, '$1'), port: Number(port) };
}

/** Serves metrics and `/healthz` until disposed. @throws Error – the address cannot be listened at. */
export async function startHttpEndpoint(
  options: HttpEndpointOptions,
): Promise<AsyncDisposable & { readonly port: number }> {
  const { address, metrics, metricsPath, health } = options;
  const { host, port } = httpAddress(address);
  // Importing it as a module makes Node load its fetch and WebSocket too: 5 MB that most processes never use.
  const { createServer } = process.getBuiltinModule('node:http');
  const server = createServer((request, response) => {
    // Not read as a URL: what anybody may send, such as "//", need not be one.
    const [pathname = ''] = (request.url ?? '').split('?', 1);
    const answer = (status: number, text: string) =>
      response.writeHead(status, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' }).end(text);
    if (pathname === metricsPath) answer(...told(metrics));
    else if (pathname.startsWith('/healthz')) {
      health().then(
        () => answer(200, 'ok'),
        (error: unknown) => answer(500, `${messageOf(error)}\n`),
      );
    } else answer(404, 'not found\n');
  });
  await listen(server, { host, port });
  const bound = server.address();
  return {
    port: typeof bound === 'object' && bound ? bound.port : 0,
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** Gauges look at the machine: what they meet there is an answer, and no end of the program. */
function told(metrics: Metrics): [status: number, text: string] {
  try {
    return [200, metrics.text()];
  } catch (error) {
    return [500, `${messageOf(error)}\n`];
  }
}

function listen(server: Server, { host, port }: { host: string; port: number }): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => reject(new Error(`--http-endpoint: ${messageOf(error)}`, { cause: error })));
    server.listen(host === '' ? { port } : { host, port }, () => resolve());
  });
}
