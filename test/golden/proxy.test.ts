import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { networkInterfaces } from 'node:os';
import { connect } from 'node:tls';
import { afterAll, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import type { TerminalStreams } from '../../orchestrator/src/node-api.ts';
import { anApiServer } from '../harness/api-server.ts';

/** Words are upstream's (registry/core/pod, service and node, ResourceLocation; apimachinery util/proxy). */

/** A pod's address is none of this machine alone. */
const ip = Object.values(networkInterfaces())
  .flatMap((list) => list ?? [])
  .find(({ family, internal }) => family === 'IPv4' && !internal)?.address as string;

const unused = () => Promise.reject(new Error('not asked here'));
async function* chunk(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
}

function servePage({ headers }: IncomingMessage, response: ServerResponse): void {
  const links = `<a href="/there?a=1">x</a><a href="http://${headers.host}/here"><a href="other"><a href="//example.com/">`;
  response.setHeader('content-type', 'text/html; charset=utf-8').setHeader('content-length', links.length).end(links);
}

const core = '/api/v1/namespaces/default';
const world = (async () => {
  const pod = createServer(async (request, response) => {
    if (request.url === '/absolute') return response.writeHead(302, { location: `http://${request.headers.host}/there` }).end();
    if (request.url === '/away') return response.writeHead(302, { location: '/there?a=1' }).end();
    if (request.url === '/page') return servePage(request, response);
    let body = '';
    for await (const chunk of request) body += chunk;
    response.setHeader('x-pod', 'yes').end(JSON.stringify({ method: request.method, url: request.url, headers: request.headers, body }));
  });
  pod.on('upgrade', (_request: IncomingMessage, socket) => {
    socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n');
    socket.pipe(socket);
  });
  pod.listen(0, ip);
  await once(pod, 'listening');
  const { port } = pod.address() as { port: number };
  const page = async (method: string, url: string) => ({
    status: url === '/gone' ? 404 : 200,
    contentType: 'text/x-page',
    chunks: chunk(`kubelet's ${method === 'GET' ? '' : `${method} `}${url}`),
  });
  const far = { page, logs: unused, passOn: unused };
  const near = {
    ...{ logs: unused, attach: unused, portForward: unused },
    page: async (method: string, url: string) => ({ ...(await page(method, url)), isStream: url.startsWith('/exec/ns/p/c?') }),
    exec: async (_target: object, command: readonly string[], { stdout }: TerminalStreams) => {
      stdout?.write(command.join(' '));
      return 0;
    },
  };
  const api = await anApiServer({ more: { nodeApi: (name) => ({ n: far, near })[name] } });
  const send = async (method: string, path: string, body?: object, headers: Record<string, string> = {}) => {
    const reply = await api.send({ method, path, contentType: 'application/json', headers, ...(body ? { body } : {}) });
    const isJson = reply.text.startsWith('{');
    return { status: reply.status, headers: reply.headers, json: isJson ? JSON.parse(reply.text) : reply.text };
  };
  for (const [name, Port] of [['n', 0], ['near', 0], ['other', 7777]] as const) {
    const node = await send('POST', '/api/v1/nodes', { metadata: { name } });
    const status = { addresses: [{ type: 'InternalIP', address: ip }], daemonEndpoints: { kubeletEndpoint: { Port } } };
    await send('PUT', `/api/v1/nodes/${name}/status`, { ...node.json, status });
  }
  await send('POST', `${core}/serviceaccounts`, { metadata: { name: 'default' } });
  for (const [name, podIP] of Object.entries({ web: ip, mine: '127.0.0.1', link: '169.254.169.254' })) {
    const spec = { nodeName: 'n', containers: [{ name: 'c', image: 'i', ports: [{ containerPort: port }] }] };
    const made = await send('POST', `${core}/pods`, { metadata: { name, labels: { app: name } }, spec });
    await send('PUT', `${core}/pods/${name}/status`, { ...made.json, status: { phase: 'Running', podIP, podIPs: [{ ip: podIP }] } });
  }
  const ports = [{ name: 'http', port: 80, targetPort: port }];
  for (const name of ['web', 'empty', 'lone']) await send('POST', `${core}/services`, { metadata: { name }, spec: { ports } });
  const targetRef = { kind: 'Pod', name: 'web', namespace: 'default' };
  const subset = (addresses: object[]) => ({ addresses, ports: [{ name: 'http', port }] });
  const endpoints = { web: [subset([{ ip: '10.9.9.9', targetRef }, { ip, targetRef }, { ip }])], empty: [subset([{ ip }])] };
  for (const [name, subsets] of Object.entries(endpoints)) await send('POST', `${core}/endpoints`, { metadata: { name }, subsets });
  return { api, pod, port, send };
})();

afterAll(async () => {
  const { api, pod } = await world;
  pod.closeAllConnections();
  pod.close();
  await api[Symbol.asyncDispose]();
});

test.each([
  ['a pod', 'pods/web/proxy/some/p%20th?x=1'],
  ['a pod by its port', 'pods/http:web:PORT/proxy/some/p%20th?x=1'],
  ['a service', 'services/web:http/proxy/some/p%20th?x=1'],
  ['a service by the number of its port', 'services/http:web:80/proxy/some/p%20th?x=1'],
])('a request to %s is passed on, without what lets its sender in here', async (_, path) => {
  const { send, port } = await world;
  const headers = { 'x-own': 'kept', authorization: 'Bearer secret' };
  const { status, json, headers: answered } = await send('POST', `${core}/${path.replace('PORT', String(port))}`, { a: 1 }, headers);
  expect([status, answered['x-pod'], json.method, json.url, json.body]).toEqual([200, 'yes', 'POST', '/some/p%20th?x=1', '{"a":1}']);
  expect(json.headers).toMatchObject({ 'x-own': 'kept', 'x-forwarded-proto': 'https' });
  expect(json.headers['x-forwarded-uri']).toMatch(/^\/api\/v1\/namespaces\/default\/(pods|services)\/[^/]+\/proxy\/some\/p%20th$/);
  expect(json.headers).not.toHaveProperty('authorization');
});

test('who is asked sees the host that was asked for, and any method of HTTP', async () => {
  const { api, send } = await world;
  const { status, json } = await send('OPTIONS', `${core}/pods/web/proxy/x`);
  expect([status, json.method, json.headers.host]).toEqual([200, 'OPTIONS', `127.0.0.1:${api.port}`]);
});

test('links stay behind the proxy', async () => {
  const { send } = await world;
  const root = await send('GET', `${core}/pods/web/proxy?a=1`);
  expect([root.status, root.headers['location']]).toEqual([301, `${core}/pods/web/proxy/?a=1`]);
  const node = await send('GET', '/api/v1/nodes/n/proxy');
  expect([node.status, node.headers['location']]).toEqual([301, '/api/v1/nodes/n/proxy/']);
  const away = await send('GET', `${core}/pods/web/proxy/away`);
  expect([away.status, away.headers['location']]).toEqual([302, `${core}/pods/web/proxy/there?a=1`]);
  const absolute = await send('GET', `${core}/pods/web/proxy/absolute`);
  expect([absolute.status, absolute.headers['location']]).toEqual([302, `${core}/pods/web/proxy/there`]);
  const here = `${core}/pods/web/proxy`;
  const page = await send('GET', `${here}/page`);
  expect(page.json).toBe(`<a href="${here}/there?a=1">x</a><a href="${here}/here"><a href="other"><a href="//example.com/">`);
  const head = await send('HEAD', `${here}/page`);
  expect([head.status, head.json]).toEqual([200, '']);
});

test.each([
  ['pods/none/proxy/', 404, 'pods "none" not found'],
  ['pods/a:b:c:d/proxy/', 400, 'invalid pod request "a:b:c:d"'],
  ['services/ftp:web:80/proxy/', 400, 'invalid service request "ftp:web:80"'],
  ['pods/mine/proxy/', 400, 'address not allowed'],
  ['pods/link:80/proxy/', 400, 'address not allowed'],
  ['services/web:81/proxy/', 503, 'no service port 81 found for service "web"'],
  ['services/empty:http/proxy/', 503, 'no endpoints available for service "empty:http"'],
  ['services/lone/proxy/', 404, 'services "lone" not found'],
  ['services/http:empty:80/proxy/', 503, 'no endpoints available for service "http:empty:80"'],
  ['pods/web:1/proxy/', 503, `error trying to reach service: dial tcp ${ip}:1: connect: connection refused`],
])('%s is answered %d: %s', async (path, code, message) => {
  const { send } = await world;
  const { status, json } = await send('GET', `${core}/${path}`);
  expect([status, json.message]).toEqual([code, message]);
});

test.each([
  ['GET', 'n/proxy/', 200, "kubelet's /"],
  ['GET', 'n/proxy/stats/summary?only_cpu_and_memory=true', 200, "kubelet's /stats/summary?only_cpu_and_memory=true"],
  ['HEAD', 'n/proxy/pods', 200, ''],
  ['GET', 'n:10250/proxy/pods', 200, "kubelet's /pods"],
  ['GET', 'https:n:10250/proxy/gone', 404, "kubelet's /gone"],
  ['POST', 'n/proxy/run/ns/p/c?cmd=ls%20-l', 200, "kubelet's POST /run/ns/p/c?cmd=ls+-l"],
] as const)('%s of nodes/%s is answered by the kubelet: %d', async (method, path, code, text) => {
  const { send } = await world;
  const { status, json } = await send(method, `/api/v1/nodes/${path}`);
  expect([status, json]).toEqual([code, text]);
});

test.each([
  ['none/proxy/pods', 404, 'nodes "none" not found'],
  ['other/proxy/pods', 503, 'the kubelet of node "other" is not connected'],
  ['other:7777/proxy/pods', 503, 'the kubelet of node "other" is not connected'],
  ['n:1/proxy/pods', 503, `error trying to reach service: dial tcp ${ip}:1: connect: connection refused`],
])('nodes/%s is answered %d: %s', async (path, code, message) => {
  const { send } = await world;
  const { status, json } = await send('GET', `/api/v1/nodes/${path}`);
  expect([status, json.message]).toEqual([code, message]);
});

test('nobody is proxied who may not', async () => {
  const { send } = await world;
  const { status, json } = await send('GET', `${core}/pods/web/proxy/`, undefined, { 'impersonate-user': 'jane' });
  expect([status, json.message]).toEqual([
    403,
    'pods "web" is forbidden: User "jane" cannot get resource "pods/proxy" in API group "" in the namespace "default"',
  ]);
});

/** A connection to the API server, with its client's certificate. */
async function connected() {
  const { api } = await world;
  const { cert, key } = await api.authority.issue('CN=admin, O=system:masters', 'client');
  const tls = { ca: api.authority.cert, cert, key };
  return { tls, port: api.port, socket: connect({ host: '127.0.0.1', port: api.port, ...tls, ALPNProtocols: ['http/1.1'] }) };
}

test.each(['GET', 'DELETE', 'OPTIONS'])('what comes in pieces with a %s reaches the pod as its body', async (method) => {
  const { socket } = await connected();
  const lines = ['Host: x', 'Transfer-Encoding: chunked', 'Connection: close'];
  socket.write(`${method} ${core}/pods/web/proxy/x HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n5\r\nhello\r\n6\r\n there\r\n0\r\n\r\n`);
  const answer = Buffer.concat(await Array.fromAsync(socket)).toString();
  expect(JSON.parse(answer.slice(answer.indexOf('{'), answer.lastIndexOf('}') + 1))).toMatchObject({ method, url: '/x', body: 'hello there' });
});

test('a connection that changes its protocol is joined with the pod’s', async () => {
  const { socket } = await connected();
  let text = '';
  socket.setEncoding('utf8').on('data', (chunk) => {
    text += chunk;
  });
  socket.write(`GET ${core}/pods/web/proxy/ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n`);
  while (!text.includes('\r\n\r\n')) await once(socket, 'data');
  expect(text).toMatch(/^HTTP\/1\.1 101 Switching Protocols\r\n/);
  socket.write('hello there');
  while (!text.endsWith('hello there')) await once(socket, 'data');
  socket.destroy();
});

test('a command of a kubelet’s own path runs on a connection that changes its protocol; what is against it is answered', async () => {
  const { socket, port, tls } = await connected();
  const upgrade = 'HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n';
  socket.write(`POST /api/v1/nodes/near/proxy/exec/ns/none/c?command=ls ${upgrade}`);
  const refusal = Buffer.concat(await Array.fromAsync(socket)).toString();
  expect(refusal).toMatch(/^HTTP\/1\.1 200 .*kubelet's POST \/exec\/ns\/none\/c\?command=ls$/s);
  const url = `wss://127.0.0.1:${port}/api/v1/nodes/near/proxy/exec/ns/p/c?command=echo&command=hi&output=1`;
  const client = new WebSocket(url, 'v5.channel.k8s.io', tls);
  const output: string[] = [];
  client.on('message', (data: Buffer) => output.push(`${data[0]} ${data.subarray(1)}`));
  await once(client, 'close');
  // The stream is opened with nothing on it.
  expect(output).toEqual(['1 ', '1 echo hi', '3 {"metadata":{},"status":"Success"}']);
});
