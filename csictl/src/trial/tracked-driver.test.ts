import { randomUUID } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { csiController, GrpcConnection, GrpcServer, grpcError } from '@berth/protos';
import { expect, test } from 'vitest';
import { TrackedDriver } from './tracked-driver.ts';

test('what could not be taken back is told with its own error, the rest is taken back', async () => {
  const endpoint = `unix:${join(tmpdir(), `berth-tracked-${randomUUID()}.sock`)}`;
  await using server = new GrpcServer().add(csiController, {
    CreateVolume: async ({ name }) => ({ volume: { volumeId: name, capacityBytes: '1' } }),
    DeleteVolume: async ({ volumeId }) => {
      if (volumeId !== 'b') throw grpcError('FAILED_PRECONDITION', `${volumeId} is in use`);
      return {};
    },
  });
  await server.listen(endpoint);
  using connection = new GrpcConnection(endpoint);
  const driver = new TrackedDriver({ connection, secrets: {}, timeoutMs: 5000 });
  for (const name of ['a', 'b', 'c']) await driver.controller.CreateVolume({ name });
  expect(await driver.undoAll()).toEqual(['volume a: a is in use', 'volume c: c is in use']);
});

test('what a call under way makes is taken back too', async () => {
  const endpoint = `unix:${join(tmpdir(), `berth-tracked-${randomUUID()}.sock`)}`;
  const made = Promise.withResolvers<void>();
  const deleted: string[] = [];
  await using server = new GrpcServer().add(csiController, {
    CreateVolume: async ({ name }) => {
      await made.promise;
      return { volume: { volumeId: name, capacityBytes: '1' } };
    },
    DeleteVolume: async ({ volumeId }) => {
      deleted.push(volumeId);
      return {};
    },
  });
  await server.listen(endpoint);
  using connection = new GrpcConnection(endpoint);
  const driver = new TrackedDriver({ connection, secrets: {}, timeoutMs: 5000 });
  const creating = driver.controller.CreateVolume({ name: 'slow' });
  const undone = driver.undoAll();
  made.resolve();
  await creating;
  expect(await undone).toEqual([]);
  expect(deleted).toEqual(['slow']);
});
