import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { type Duplex, duplexPair } from 'node:stream';
import { silentLogger } from '@berth/kit';
import { type ApiError, apiError, type KubeClient } from '@berth/kube';
import { expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { anAuthority } from '../../../../test/harness/api-server.ts';
import { kubeletRequest } from '../../kubelet/server/kubelet-request.ts';
import { type KubeletServerOptions, startKubeletServer } from '../../kubelet/server/kubelet-server.ts';
import type { NodeApi } from '../../node-api.ts';
import { logOptionsOf } from '../subresources/log-options.ts';
import { RemoteKubelet } from './remote-kubelet.ts';

const never = new AbortController().signal;
const target = { namespace: 'ns', pod: 'p', container: 'c' };

/** A kubelet with one container. */
const node: NodeApi = {
  async logs({ container }, options) {
    if (container !== 'c')
      throw apiError('BadRequest', `container "${container}" in pod "p" is waiting to start: PodInitializing`);
    return (async function* () {
      yield Buffer.from('one\n');
      yield Buffer.from(`${JSON.stringify(options)}\n`);
    })();
  },
  async exec(_target, [command, argument], { stdin, stdout }) {
    if (command === 'cat') for await (const chunk of stdin ?? []) stdout?.write(chunk);
    return Number(argument ?? 0);
  },
  attach: () => Promise.reject(new Error('broken pipe')),
  async portForward() {
    const [near, far] = duplexPair();
    far.pipe(far);
    return near;
  },
  async page(method, url, signal) {
    if (url.startsWith('/exec/ns/p/')) return { ...answer(500, 'Upgrade request required'), isStream: true };
    const log = /^\/containerLogs\/ns\/p\/(\w+)(?:\?(.*))?$/.exec(url);
    if (!log) return answer(200, `page ${method === 'GET' ? '' : method}${url}`, 'text/x-page');
    const asked = kubeletRequest(url);
    try {
      const container = log[1] as string;
      const chunks = await this.logs(
        { ...target, container },
        asked?.type === 'logs' ? logOptionsOf(asked.query) : {},
        signal,
      );
      return { status: 200, contentType: 'text/plain', chunks };
    } catch (error) {
      return answer(400, (error as Error).message);
    }
  },
};

function answer(status: number, body: string, contentType = 'text/plain') {
  return { status, contentType, chunks: oneChunk(body) };
}

async function* oneChunk(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
}

/** A kubelet's server, and an API server's way to it; `as`: who that shows itself as. */
async function kubelet(as = 'CN=kube-apiserver, O=system:masters', more: Partial<KubeletServerOptions> = {}) {
  const [authority, others] = await Promise.all([anAuthority(), anAuthority('CN=others')]);
  const own = await authority.issue('CN=node-1', 'server');
  const pair = await (as.startsWith('stranger') ? others : authority).issue(as.replace('stranger ', ''), 'client');
  const server = await startKubeletServer(
    {
      nodeName: 'node-1',
      address: '127.0.0.1',
      ...own,
      clientCa: authority.cert,
      api: () => node,
      mayDo: async ({ groups }) => groups.includes('system:masters'),
      log: silentLogger,
      ...more,
    },
    never,
  );
  const status = {
    addresses: [
      { type: 'Hostname', address: 'node-1' },
      { type: 'InternalIP', address: '127.0.0.1' },
    ],
    daemonEndpoints: { kubeletEndpoint: { Port: server.port } },
  };
  const client = { get: async () => ({ metadata: { name: 'node-1' }, status }) } as unknown as KubeClient;
  const remote = new RemoteKubelet({ nodeName: 'node-1', client, ca: authority.cert, ...pair });
  return { remote, server, authority, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}

/** An API server's end that clients upgrade at. */
async function apiServer(remote: RemoteKubelet) {
  const front = createServer();
  front.on('upgrade', (message: IncomingMessage, socket: Duplex, head: Buffer) => {
    const query = new URL(message.url ?? '/', 'http://x').searchParams;
    const asked = { ...target, subresource: 'exec', uid: 'u', query } as const;
    remote.passOn({ message, socket, head }, asked, never).catch((error: ApiError) => {
      socket.end(
        `HTTP/1.1 ${error.status.code} Refused\r\nContent-Length: ${error.message.length}\r\n\r\n${error.message}`,
      );
    });
  });
  front.listen(0, '127.0.0.1');
  await once(front, 'listening');
  const { port } = front.address() as AddressInfo;
  return { port, [Symbol.asyncDispose]: async () => void front.close() };
}

async function text(chunks: AsyncIterable<Uint8Array>): Promise<string> {
  return Buffer.concat(await Array.fromAsync(chunks)).toString();
}

test('a log comes from the kubelet of another process, and its refusals in its words', async () => {
  await using there = await kubelet();
  const logs = await there.remote.logs(target, { tailLines: 2, follow: true }, never);
  expect(await text(logs)).toBe('one\n{"follow":true,"tailLines":2}\n');
  await expect(there.remote.logs({ ...target, container: 'd' }, {}, never)).rejects.toMatchObject({
    code: 'BadRequest',
    message: 'container "d" in pod "p" is waiting to start: PodInitializing',
  });
});

test('what a node tells of itself comes from the kubelet of another process, with the right to it', async () => {
  const asked: (readonly string[])[] = [];
  const mayDo: KubeletServerOptions['mayDo'] = async (_, verb, subresources) => {
    asked.push([verb, ...subresources]);
    return !subresources.includes('stats');
  };
  await using there = await kubelet('CN=jane', { mayDo });
  const page = await there.remote.page('GET', '/pods?x=1', never);
  expect([page.status, page.contentType, await text(page.chunks)]).toEqual([200, 'text/x-page', 'page /pods?x=1']);
  const refused = await there.remote.page('GET', '/stats/summary', never);
  expect([refused.status, await text(refused.chunks)]).toEqual([
    403,
    'Forbidden (user=jane, verb=get, resource=nodes, subresource(s)=[stats])\n',
  ]);
  expect(asked).toEqual([
    ['get', 'pods', 'proxy'],
    ['get', 'stats'],
  ]);
});

test('exec goes through to the kubelet of another process, both ways, to its end', async () => {
  await using there = await kubelet();
  await using front = await apiServer(there.remote);
  const url = `ws://127.0.0.1:${front.port}/?command=cat&command=3&stdin=true&stdout=true`;
  const socket = new WebSocket(url, 'v5.channel.k8s.io');
  const output: string[] = ['', '', '', ''];
  socket.on('message', (data: Buffer) => {
    output[data[0] as number] += data.subarray(1).toString();
  });
  await once(socket, 'open');
  socket.send(Buffer.concat([Buffer.of(0), Buffer.from('hello')]));
  socket.send(Buffer.of(255, 0));
  await once(socket, 'close');
  expect(output[1]).toBe('hello');
  expect(JSON.parse(output[3] as string)).toMatchObject({ status: 'Failure', reason: 'NonZeroExitCode' });
});

test.each([
  ['stranger CN=kube-apiserver, O=system:masters', 'Unauthorized'],
  ['CN=jane', 'Forbidden (user=jane, verb=get, resource=nodes, subresource(s)=[proxy])\n'],
])('%s gets nothing of a kubelet', async (who, words) => {
  await using there = await kubelet(who);
  await expect(there.remote.logs(target, {}, never)).rejects.toMatchObject({
    code: 'InternalError',
    message: `Internal error occurred: ${words}`,
  });
  await using front = await apiServer(there.remote);
  const socket = connect(front.port, '127.0.0.1');
  socket.write('GET /?command=cat&stdout=1 HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n');
  expect(await text(socket)).toContain(words);
});

test('a kubelet whose certificate is of another authority is not believed, and one that is gone is told', async () => {
  const others = await anAuthority('CN=others');
  await using there = await kubelet(undefined, await others.issue('CN=node-1', 'server'));
  await expect(there.remote.logs(target, {}, never)).rejects.toMatchObject({
    message: expect.stringContaining('x509'),
  });
  await there.server[Symbol.asyncDispose]();
  await expect(there.remote.logs(target, {}, never)).rejects.toMatchObject({
    message: `Internal error occurred: error dialing backend: dial tcp 127.0.0.1:${there.server.port}: connect: connection refused`,
  });
  await expect(there.remote.page('GET', '/pods', never)).rejects.toMatchObject({
    code: 'ServiceUnavailable',
    message: `error trying to reach service: dial tcp 127.0.0.1:${there.server.port}: connect: connection refused`,
  });
});

test('a kubelet shows its new certificate to those who come then', async () => {
  const others = await anAuthority('CN=others');
  await using there = await kubelet();
  const logs = () => there.remote.logs(target, {}, never).then(text);
  const before = await logs();
  there.server.renew({ ...(await others.issue('CN=node-1', 'server')), clientCa: there.authority.cert });
  await expect(logs()).rejects.toThrow('certificate signed by unknown authority');
  there.server.renew({ ...(await there.authority.issue('CN=node-1', 'server')), clientCa: there.authority.cert });
  expect(await logs()).toBe(before);
  there.server.renew({ ...(await there.authority.issue('CN=node-1', 'server')), clientCa: others.cert });
  await expect(logs()).rejects.toThrow('Unauthorized');
});

test('a node that does not tell where its kubelet is has none', async () => {
  const client = { get: async () => ({ metadata: {}, status: {} }) } as unknown as KubeClient;
  const remote = new RemoteKubelet({ nodeName: 'node-9', client, ca: '', cert: '', key: '' });
  await expect(remote.logs(target, {}, never)).rejects.toMatchObject({
    code: 'ServiceUnavailable',
    message: 'the kubelet of node "node-9" is not connected',
  });
});
