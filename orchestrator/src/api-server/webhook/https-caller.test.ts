import { once } from 'node:events';
import type { RequestListener } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { systemClock } from '@berth/kit';
import { expect, test } from 'vitest';
import { anAuthority } from '../../../../test/harness/api-server.ts';
import { HttpsCaller } from './https-caller.ts';

async function aServer(answer: RequestListener = (_, response) => response.end('hello')) {
  const authority = await anAuthority();
  const own = await authority.issue('CN=server', 'server');
  const server = createServer(own, answer).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    authority,
    own,
    url: `https://127.0.0.1:${port}/`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

test("a server is trusted by its authority or by its own certificate, as in Go's roots, and by no other", async () => {
  await using server = await aServer();
  using caller = new HttpsCaller(systemClock, () => undefined);
  const other = await server.authority.issue('CN=other', 'server');
  const call = (ca: string) =>
    caller.call({ target: { url: server.url, ca }, method: 'GET', timeoutMs: 30_000 }, AbortSignal.timeout(30_000));
  for (const ca of [server.authority.cert, server.own.cert])
    expect(await call(ca)).toMatchObject({ status: 200, body: Buffer.from('hello') });
  await expect(call(other.cert)).rejects.toThrow('x509: certificate signed by unknown authority');
});

test('what follows in pieces is the body of its request, of whatever method, and never the next request', async () => {
  const asked: unknown[] = [];
  await using server = await aServer(async (request, response) => {
    asked.push([request.method, request.url, request.headers['content-length'], await text(request)]);
    response.end();
  });
  using caller = new HttpsCaller(systemClock, () => undefined);
  const next = 'GET /smuggled HTTP/1.1\r\nHost: x\r\nX-Remote-User: root\r\n\r\n';
  const expected: unknown[] = [];
  for (const method of ['GET', 'HEAD', 'DELETE', 'OPTIONS', 'POST'])
    for (const headers of [{}, { 'content-length': `${next.length}` }]) {
      const target = { url: `${server.url}${method}`, ca: server.authority.cert, headers };
      const body = Readable.from([Buffer.from(next.slice(0, 10)), Buffer.from(next.slice(10))]);
      const answer = await caller.open({ target, method, body }, AbortSignal.timeout(30_000));
      expected.push([method, `/${method}`, headers['content-length'], next]);
      expect([answer.statusCode, await text(answer)]).toEqual([200, '']);
    }
  const target = { url: `${server.url}last`, ca: server.authority.cert };
  await text(await caller.open({ target, method: 'GET' }, AbortSignal.timeout(30_000)));
  expect(asked).toEqual([...expected, ['GET', '/last', undefined, '']]);
});
