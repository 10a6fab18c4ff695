import { FakeClock, seededRng, silentLogger } from '@berth/kit';
import { KubeClient, resources } from '@berth/kube';
import { expect, test } from 'vitest';
import { MemoryStore } from '../store/store.memory.ts';
import { createApiServer } from './create-api-server.ts';
import { definitions } from './resources/definitions.ts';

async function harness() {
  const clock = new FakeClock();
  const store = new MemoryStore({ clock });
  const server = await createApiServer({
    store,
    definitions,
    clock,
    rng: seededRng(1),
    log: silentLogger,
    nodeApi: () => undefined,
  });
  return { clock, store, server, client: new KubeClient(server.transport()) };
}

const aConfigMap = (name: string, more: object = {}) => ({ metadata: { name, namespace: 'default' }, ...more });

test('an object is created, read, changed and deleted, and a watcher sees each step', async () => {
  const { client } = await harness();
  const controller = new AbortController();
  const seen = (async () => {
    const events: string[] = [];
    for await (const { type, object } of client.watch(
      resources.configmaps,
      { namespace: 'default', resourceVersion: '0' },
      controller.signal,
    )) {
      events.push(`${type} ${object.metadata.name} ${JSON.stringify(object.data)}`);
      if (type === 'DELETED') break;
    }
    return events;
  })();
  const created = await client.create(resources.configmaps, aConfigMap('a', { data: { k: '1' } }));
  expect(created).toMatchObject({
    kind: 'ConfigMap',
    apiVersion: 'v1',
    metadata: { name: 'a', uid: expect.any(String) },
  });
  await client.update(resources.configmaps, { ...created, data: { k: '2' } });
  await client.patch(
    resources.configmaps,
    { namespace: 'default', name: 'a' },
    { type: 'merge', patch: { data: { k: '3' } } },
  );
  await client.patch(
    resources.configmaps,
    { namespace: 'default', name: 'a' },
    { type: 'merge', patch: { data: { k: '3' } } },
  );
  await client.delete(resources.configmaps, { namespace: 'default', name: 'a' });
  expect(await seen).toEqual([
    'ADDED a {"k":"1"}',
    'MODIFIED a {"k":"2"}',
    'MODIFIED a {"k":"3"}',
    'DELETED a {"k":"3"}',
  ]);
  await expect(client.update(resources.configmaps, created)).rejects.toMatchObject({ code: 'NotFound' });
});
