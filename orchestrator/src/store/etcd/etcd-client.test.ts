import { once } from 'node:events';
import { createServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { silentLogger, systemClock } from '@berth/kit';
import { grpcError } from '@berth/protos';
import { expect, test } from 'vitest';
import { EtcdClient } from './etcd-client.ts';
import { etcdEndpointsOf } from './etcd-endpoint.ts';

test('a write that etcd does not take is Unavailable: none is begun so late that nobody knew whether it was done', async () => {
  await using server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const endpoints = etcdEndpointsOf(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  using client = await EtcdClient.create({
    endpoints,
    tls: async () => ({}),
    giveUpMs: 450,
    clock: systemClock,
    log: silentLogger,
  });
  const given: number[] = [];
  const write = client.write((_, { timeoutMs = 0 }) => {
    given.push(timeoutMs);
    throw grpcError('UNAVAILABLE', 'etcdserver: no leader');
  });
  await expect(write).rejects.toMatchObject({ code: 'Unavailable' });
  expect(Math.min(...given)).toBeGreaterThanOrEqual(100);
});
