import { connect as connectTcp } from 'node:net';
import { connect, type TLSSocket } from 'node:tls';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { anApiServer } from '../harness/api-server.ts';

let server: Awaited<ReturnType<typeof anApiServer>>;
beforeAll(async () => {
  server = await anApiServer();
});
afterAll(() => server[Symbol.asyncDispose]());

const configmaps = '/api/v1/namespaces/default/configmaps';

test.each([
  ['/api/v1/namespaces/default/configmaps/..', 404],
  ['/api/v1/namespaces/default/configmaps/%2e%2e', 404],
  ['/api/v1/namespaces/..%2fkube-system/configmaps', 404],
  ['/api/v1/namespaces/default%2fconfigmaps%2fx', 404],
  ['/api/v1//namespaces', 404],
  ['//api/v1/namespaces', 404],
  ['/api/v1/namespaces/default/configmaps/%00', 404],
  ['/api/v1/namespaces/default/configmaps/%zz', 400],
  ['/api/v1/namespaces/default/configmaps/a/b/c', 404],
  ['/apis/nope/v1/things', 404],
  [`/api/v1/namespaces/default/configmaps/${'x'.repeat(300)}`, 404],
])('GET %s is answered %i, and nothing is read elsewhere', async (path, status) => {
  expect(await server.send({ method: 'GET', path })).toMatchObject({ status });
});

test('a body over 3 MiB is refused with 413, and the server goes on', async () => {
  const raw = JSON.stringify({ metadata: { name: 'big' }, data: { a: 'x'.repeat(3 * 1024 * 1024) } });
  const sent = await server
    .send({ method: 'POST', path: configmaps, contentType: 'application/json', raw })
    .catch((error: NodeJS.ErrnoException) => error.code);
  // A client that is still writing may see the connection end instead of the answer.
  expect([413, 'ECONNRESET', 'EPIPE']).toContain(typeof sent === 'object' ? sent.status : sent);
  expect(await server.send({ method: 'GET', path: `${configmaps}/big` })).toMatchObject({ status: 404 });
});

test('without a certificate there is the version and the health, and 401 for everything else', async () => {
  const bare = (path: string) => server.send({ method: 'GET', path, certificate: false });
  for (const path of ['/version', '/healthz', '/livez', '/readyz']) expect(await bare(path)).toMatchObject({ status: 200 });
  for (const path of ['/api', '/apis', '/metrics', configmaps, '/openapi/v3'])
    expect(await bare(path)).toMatchObject({ status: 401 });
});

test('acting as another user is refused, not taken for the caller itself', async () => {
  const reply = await server.send({ method: 'GET', path: configmaps, headers: { 'Impersonate-User': 'jane' } });
  expect(reply).toMatchObject({ status: 403 });
});

test('a client that goes away in the middle of its body leaves nothing behind', async () => {
  const socket = await tls();
  socket.write(`POST ${configmaps} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"meta`);
  await new Promise((resolve) => setTimeout(resolve, 20));
  socket.destroy();
  const tcp = connectTcp(server.port, '127.0.0.1');
  tcp.write('not a TLS handshake');
  await new Promise((resolve) => tcp.once('close', resolve));
  expect(await server.send({ method: 'GET', path: '/readyz' })).toMatchObject({ status: 200, text: 'ok' });
});

test('an answer of 128 KiB and more is compressed for those who accept it', async () => {
  const body = { metadata: { name: 'long' }, data: { a: 'x'.repeat(200_000) } };
  await server.send({ method: 'POST', path: configmaps, contentType: 'application/json', body });
  const headers = { 'accept-encoding': 'gzip' };
  const long = await server.send({ method: 'GET', path: `${configmaps}/long`, headers });
  expect(long.headers['content-encoding']).toBe('gzip');
  expect(Number(long.headers['content-length'])).toBeLessThan(10_000);
  const short = await server.send({ method: 'GET', path: '/version', headers });
  expect(short.headers['content-encoding']).toBeUndefined();
});

test('yaml goes in and comes out', async () => {
  const raw = 'metadata:\n  name: y\ndata:\n  a: "1"\n';
  const created = await server.send({ method: 'POST', path: configmaps, contentType: 'application/yaml', raw, accept: 'application/yaml' });
  expect(created).toMatchObject({ status: 201, headers: { 'content-type': 'application/yaml' } });
  expect(created.text).toContain('name: y\n');
});

test('an unknown field warns, is dropped in silence, or is refused, as the request wants', async () => {
  const body = { metadata: { name: 'u' }, dat: {} };
  const send = (query: string) =>
    server.send({ method: 'POST', path: `${configmaps}?dryRun=All${query}`, contentType: 'application/json', body });
  expect((await send('')).headers['warning']).toBe('299 - "unknown field \\"dat\\""');
  expect((await send('&fieldValidation=Ignore')).headers['warning']).toBeUndefined();
  expect(await send('&fieldValidation=Strict')).toMatchObject({ status: 400 });
});

test('an upgrade to exec without a pod is refused before the protocol changes', async () => {
  const socket = await tls();
  socket.write('GET /api/v1/namespaces/default/pods/nope/exec?command=ls HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
  const [line] = String(await new Promise((resolve) => socket.once('data', resolve))).split('\r\n');
  expect(line).toMatch(/^HTTP\/1\.1 4\d\d/);
  socket.destroy();
});

async function tls(): Promise<TLSSocket> {
  const client = await server.authority.issue('CN=admin, O=system:masters', 'client');
  const socket = connect({ port: server.port, host: '127.0.0.1', ca: server.authority.cert, ...client });
  await new Promise((resolve) => socket.once('secureConnect', resolve));
  socket.on('error', () => undefined);
  return socket;
}
