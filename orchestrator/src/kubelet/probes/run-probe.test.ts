import { createServer, type Server } from 'node:http';
import { createServer as createHttp2Server, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { FakeClock } from '@berth/kit';
import type { Probe } from '@berth/kube';
import { expect, test } from 'vitest';
import { FakeRuntime } from '../testing/fake-runtime.ts';
import { aContainer } from '../testing/test-node.ts';
import { runProbe } from './run-probe.ts';

const runtime = new FakeRuntime(new FakeClock()).port.runtime;

/** No time passes but that of `clock`. */
function run(probe: Probe, port: number, clock = new FakeClock()) {
  const container = aContainer({ ports: [{ name: 'web', containerPort: port }] });
  const target = { container, containerId: 'none', podIp: '127.0.0.1' };
  const tools = { runtime, clock, userAgent: 'kube-probe/1.36' };
  return runProbe(probe, target, tools, AbortSignal.timeout(30_000));
}

async function listening(server: Pick<Server, 'listen' | 'address' | 'close' | 'once'>) {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return { port, [Symbol.dispose]: () => void server.close() };
}

test('an http probe succeeds from 200 to 399, follows redirects, and tells the status it failed with', async () => {
  using server = await listening(
    createServer((request, response) => {
      if (request.url === '/moved') response.writeHead(302, { location: '/ok?a=b' }).end();
      else
        response
          .writeHead(request.url === '/ok?a=b' && request.headers['user-agent'] === 'kube-probe/1.36' ? 200 : 500)
          .end('body');
    }),
  );
  expect(await run({ httpGet: { port: 'web', path: '/ok?a=b' } }, server.port)).toEqual({
    result: 'success',
    output: 'body',
  });
  expect(await run({ httpGet: { port: 'web', path: '/moved' } }, server.port)).toMatchObject({ result: 'success' });
  expect(await run({ httpGet: { port: server.port } }, server.port)).toEqual({
    result: 'failure',
    output: 'HTTP probe failed with statuscode: 500',
  });
});

test('an http probe that is sent to another host, or nowhere, succeeds with a warning; one that is sent in a circle fails', async () => {
  using server = await listening(
    createServer(({ url }, response) => {
      if (url === '/elsewhere') response.writeHead(302, { location: 'http://0.0.0.0/' }).end('over there');
      else if (url === '/nowhere') response.writeHead(304).end();
      else response.writeHead(307, { location: '/circle' }).end();
    }),
  );
  const get = (path: string) => run({ httpGet: { port: server.port, path } }, server.port);
  const warned = { result: 'success', warning: true };
  expect(await get('/elsewhere')).toEqual({
    ...warned,
    output: 'Probe terminated redirects, Response body: over there',
  });
  expect(await get('/nowhere')).toEqual({ ...warned, output: 'Probe terminated redirects, Response body: ' });
  expect(await get('/circle')).toEqual({
    result: 'failure',
    output: expect.stringContaining('/circle": stopped after 10 redirects'),
  });
});

test('a refused connection and an unknown port name are told apart', async () => {
  const server = await listening(createServer());
  server[Symbol.dispose]();
  const { port } = server;
  expect(await run({ tcpSocket: { port } }, port)).toEqual({
    result: 'failure',
    output: `dial tcp 127.0.0.1:${port}: connect: connection refused`,
  });
  expect(await run({ httpGet: { port, path: '/' } }, port)).toMatchObject({
    output: `Get "http://127.0.0.1:${port}/": dial tcp 127.0.0.1:${port}: connect: connection refused`,
  });
  expect(await run({ tcpSocket: { port: 'nope' } }, port)).toMatchObject({
    result: 'unknown',
    output: 'invalid port: nope',
  });
});

test('a probe that gets no answer fails after its timeout', async () => {
  const asked = Promise.withResolvers<void>();
  using server = await listening(createServer(() => asked.resolve()));
  const clock = new FakeClock();
  const probing = run({ httpGet: { port: server.port, path: '/' }, timeoutSeconds: 3 }, server.port, clock);
  await asked.promise;
  await clock.advance(3000);
  expect(await probing).toMatchObject({
    result: 'failure',
    output: expect.stringContaining('context deadline exceeded (Client.Timeout exceeded while awaiting headers)'),
  });
});

test('a grpc probe reads the health service', async () => {
  let status = 1;
  const server = createHttp2Server();
  server.on('stream', (stream: ServerHttp2Stream) => {
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    stream.end(Buffer.from([0, 0, 0, 0, 2, 0x08, status]));
  });
  using at = await listening(server as unknown as Server);
  expect(await run({ grpc: { port: at.port } }, at.port)).toEqual({ result: 'success', output: 'service healthy' });
  status = 2;
  expect(await run({ grpc: { port: at.port } }, at.port)).toEqual({
    result: 'failure',
    output: 'service unhealthy (responded with "NOT_SERVING")',
  });
});

test('a grpc probe tells why a service was not asked, or did not answer, in the words of kubelet', async () => {
  let trailers: Record<string, string> | undefined = { 'grpc-status': '12', 'grpc-message': 'unknown service 50%25' };
  const clock = new FakeClock();
  const server = createHttp2Server();
  server.on('stream', (stream: ServerHttp2Stream) => {
    if (!trailers) void clock.advance(200);
    else stream.respond({ ':status': 200, 'content-type': 'application/grpc', ...trailers }, { endStream: true });
  });
  const at = await listening(server as unknown as Server);
  const probe = async () => (await run({ grpc: { port: at.port }, timeoutSeconds: 0.2 }, at.port, clock)).output;
  expect(await probe()).toBe(
    'error: this server does not implement the grpc health protocol (grpc.health.v1.Health): unknown service 50%',
  );
  trailers = { 'grpc-status': '5', 'grpc-message': 'unknown service' };
  expect(await probe()).toBe('error: health rpc probe failed: rpc error: code = NotFound desc = unknown service');
  trailers = undefined;
  expect(await probe()).toBe('timeout: health rpc did not complete within 0.2s');
  at[Symbol.dispose]();
  expect(await probe()).toBe(
    `timeout: failed to connect service "127.0.0.1:${at.port}" within 0.2s: context deadline exceeded`,
  );
});
