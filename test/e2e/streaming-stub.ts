import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { type Duplex, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { systemClock } from '@berth/kit';
import { apiError } from '@berth/kube';
import { serveUpgrade } from '../../orchestrator/src/api-server/streaming/serve-upgrade.ts';
import type { NodeApi } from '../../orchestrator/src/node-api.ts';

/** One pod whose container is this machine: as much of an API server as kubectl exec, cp and port-forward ask for. */
const pod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'p', namespace: 'default', uid: 'u-1' },
  spec: { containers: [{ name: 'c', image: 'i', stdin: true }] },
  status: { phase: 'Running', containerStatuses: [{ name: 'c', ready: true, state: { running: {} } }] },
};

const resources = [
  { name: 'pods', singularName: 'pod', namespaced: true, kind: 'Pod', shortNames: ['po'], verbs: ['get', 'list'] },
];
const answers: Readonly<Record<string, unknown>> = {
  '/api': { kind: 'APIVersions', versions: ['v1'], serverAddressByClientCIDRs: [] },
  '/apis': { kind: 'APIGroupList', apiVersion: 'v1', groups: [] },
  '/api/v1': { kind: 'APIResourceList', groupVersion: 'v1', resources },
  '/api/v1/namespaces/default/pods/p': pod,
};

export interface StubNode extends NodeApi {
  readonly resizes: { width: number; height: number }[];
}

/** Runs commands on this machine, without a terminal of their own. */
export function localNode(): StubNode {
  const resizes: { width: number; height: number }[] = [];
  return {
    resizes,
    logs: () => Promise.reject(apiError('NotFound', 'no logs here')),
    page: () => Promise.reject(apiError('NotFound', 'no pages here')),
    async exec(_target, [file = '', ...args], { stdin, stdout, stderr, tty, resizes: sizes }, signal) {
      const child = spawn(file, args, { signal, stdio: 'pipe' });
      child.stdin.on('error', () => undefined);
      const exited = once(child, 'exit');
      if (stdin) stdin.pipe(child.stdin);
      else child.stdin.end();
      const reading = (async () => {
        for await (const size of sizes ?? []) resizes.push(size);
      })();
      const output = [pipeline(child.stdout, stdout ?? sink(), { end: false })];
      output.push(pipeline(child.stderr, (tty ? stdout : stderr) ?? sink(), { end: false }));
      const [code] = (await exited) as [number];
      await Promise.all(output);
      void reading;
      return code;
    },
    async attach(_target, { stdin, stdout }) {
      if (!stdin || !stdout) return;
      for await (const chunk of stdin) stdout.write(`echo:${chunk}`);
    },
    async portForward(_target, port) {
      const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true });
      await once(socket, 'connect').catch((error: Error) => {
        throw new Error(`connect to port: ${error.message}`);
      });
      return socket;
    },
  };
}

const sink = () => new Writable({ write: (_chunk, _encoding, done) => done() });

export async function startStub(node: NodeApi) {
  const stop = new AbortController();
  const upgrades: string[] = [];
  const server = createServer((request, response) => {
    const known = answers[(request.url ?? '').split('?')[0] as string];
    const body = known ?? apiError('NotFound', `nothing at ${request.url}`).status;
    response.writeHead(known ? 200 : 404, { 'content-type': 'application/json' });
    response.end(JSON.stringify(body));
  });
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    const url = new URL(request.url ?? '/', 'http://x');
    upgrades.push(`${request.method} ${request.headers.upgrade}`);
    const subresource = url.pathname.split('/').at(-1) as 'exec';
    const target = { subresource, namespace: 'default', pod: 'p', uid: 'u-1', container: 'c', query: url.searchParams };
    const upgrade = { request, socket, head, target, node, clock: systemClock, signal: stop.signal };
    serveUpgrade(upgrade).catch((error: Error) => {
      const body = JSON.stringify((error as { status?: unknown }).status ?? error.message);
      socket.end(
        `HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
      );
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    upgrades,
    [Symbol.asyncDispose]: async () => {
      stop.abort();
      server.closeAllConnections();
      server.close();
    },
  };
}
