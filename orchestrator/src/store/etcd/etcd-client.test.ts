import { once } from 'node:events';
import { createServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { type Clock, silentLogger, systemClock } from '@berth/kit';
import { grpcError } from '@berth/protos';
import { expect, test } from 'vitest';
import { EtcdClient } from './etcd-client.ts';
import { etcdEndpointsOf } from './etcd-endpoint.ts';

async function aClient(options: { readonly giveUpMs: number; readonly clock: Clock }) {
  await using stack = new AsyncDisposableStack();
  const server = stack.use(createServer().listen(0, '127.0.0.1'));
  await once(server, 'listening');
  const endpoints = etcdEndpointsOf(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  const client = stack.use(
    await EtcdClient.create({ ...options, endpoints, tls: async () => ({}), log: silentLogger }),
  );
  const own = stack.move();
  return { client, [Symbol.asyncDispose]: () => own[Symbol.asyncDispose]() };
}

test('a write that etcd does not take is Unavailable: none is begun so late that nobody knew whether it was done', async () => {
  await using made = await aClient({ giveUpMs: 450, clock: systemClock });
  const given: number[] = [];
  const write = made.client.write((_, { timeoutMs = 0 }) => {
    given.push(timeoutMs);
    throw grpcError('UNAVAILABLE', 'etcdserver: no leader');
  });
  await expect(write).rejects.toMatchObject({ code: 'Unavailable' });
  expect(Math.min(...given)).toBeGreaterThanOrEqual(100);
});

test('a read that the machine stood still in is tried again, however late it is by then', async () => {
  let stillMs = 0;
  const clock: Clock = { ...systemClock, monotonicMs: () => systemClock.monotonicMs() + stillMs };
  await using made = await aClient({ giveUpMs: 10_000, clock });
  let tries = 0;
  const read = made.client.read(async () => {
    if (tries++ > 0) return 'read';
    stillMs = 60_000;
    throw grpcError('DEADLINE_EXCEEDED', 'Deadline exceeded after 60s');
  });
  expect(await read).toBe('read');
});
