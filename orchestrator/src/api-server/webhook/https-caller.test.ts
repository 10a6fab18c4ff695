import { once } from 'node:events';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { systemClock } from '@berth/kit';
import { expect, test } from 'vitest';
import { anAuthority } from '../../../../test/harness/api-server.ts';
import { HttpsCaller } from './https-caller.ts';

async function aServer() {
  const authority = await anAuthority();
  const own = await authority.issue('CN=server', 'server');
  const server = createServer(own, (_, response) => response.end('hello')).listen(0, '127.0.0.1');
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
