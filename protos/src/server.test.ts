import { randomUUID } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { GrpcConnection } from './client.ts';
import { csiIdentity } from './csi.ts';
import { GrpcServer } from './server.ts';

test('of many calls that come at once, the first are answered before the last begin', async () => {
  const endpoint = `unix:${join(tmpdir(), `berth-server-${randomUUID()}.sock`)}`;
  let begun = 0;
  await using server = new GrpcServer().add(csiIdentity, { Probe: async () => ({ ready: { value: begun++ >= 0 } }) });
  await server.listen(endpoint);
  using connection = new GrpcConnection(endpoint);
  const identity = connection.service(csiIdentity);
  await identity.Probe({});
  begun = 0;
  const begunAtAnswer = await Promise.all(
    Array.from({ length: 32 }, async () => {
      await identity.Probe({});
      return begun;
    }),
  );
  expect(begunAtAnswer[0]).toBeLessThan(32);
  expect(begun).toBe(32);
});

test('a call whose caller leaves while it waits for its turn is not begun', async () => {
  const endpoint = `unix:${join(tmpdir(), `berth-server-${randomUUID()}.sock`)}`;
  const leaving = new AbortController();
  let begun = 0;
  const Probe = async () => {
    if (begun++ === 0) leaving.abort();
    return { ready: { value: true } };
  };
  await using server = new GrpcServer().add(csiIdentity, { Probe });
  await server.listen(endpoint);
  using connection = new GrpcConnection(endpoint);
  const identity = connection.service(csiIdentity);
  await connection.ready(2000);
  const calls = Array.from({ length: 128 }, () => identity.Probe({}, { signal: leaving.signal }));
  const codes = await Promise.allSettled(calls);
  expect(new Set(codes.map((call) => call.status === 'rejected' && call.reason.code))).toEqual(new Set(['CANCELLED']));
  await identity.Probe({});
  expect(begun).toBeLessThan(64);
});
