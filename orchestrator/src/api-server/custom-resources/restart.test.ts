import { FakeClock, seededRng, silentLogger } from '@berth/kit';
import { KubeClient, resources } from '@berth/kube';
import { expect, test } from 'vitest';
import { MemoryStore } from '../../store/store.memory.ts';
import { createApiServer } from '../create-api-server.ts';
import { definitions } from '../resources/definitions.ts';
import { aFoo, fooDefinition, foosPath } from './custom-resources.harness.ts';

const { customresourcedefinitions: crds } = resources;
const name = 'foos.samplecontroller.k8s.io';

async function start(store: MemoryStore, clock: FakeClock) {
  const parts = { clock, rng: seededRng(1), log: silentLogger, nodeApi: () => undefined };
  const server = await createApiServer({ store, definitions, ...parts });
  return { server, client: new KubeClient(server.transport()) };
}

async function established(client: KubeClient): Promise<boolean> {
  const crd = await client.find(crds, { name });
  return crd?.status?.conditions?.some(({ type, status }) => type === 'Established' && status === 'True') ?? false;
}

test('a server that starts again serves custom resources by the time it is ready', async () => {
  const clock = new FakeClock();
  await using store = new MemoryStore({ clock });
  const first = await start(store, clock);
  await first.client.create(crds, fooDefinition() as never);
  await expect.poll(() => established(first.client)).toBe(true);
  await first.client.create(resources.serviceaccounts, { metadata: { name: 'default', namespace: 'default' } });
  await first.client.raw({ method: 'POST', path: foosPath, body: aFoo('a') });
  await first.server[Symbol.asyncDispose]();
  const second = await start(store, clock);
  await using _server = second.server;
  expect(await second.client.raw({ method: 'GET', path: `${foosPath}/a` })).toMatchObject({
    kind: 'Foo',
    spec: { replicas: 1 },
  });
});

test('a definition whose deletion was broken off goes when the server is back', async () => {
  const clock = new FakeClock();
  await using store = new MemoryStore({ clock });
  const first = await start(store, clock);
  await first.client.create(crds, fooDefinition() as never);
  await expect.poll(() => established(first.client)).toBe(true);
  const held = { ...aFoo('a'), metadata: { name: 'a', finalizers: ['example.com/held'] } };
  await first.client.raw({ method: 'POST', path: foosPath, body: held });
  await first.client.delete(crds, { name });
  await first.server[Symbol.asyncDispose]();
  const second = await start(store, clock);
  await using _server = second.server;
  const body = { metadata: { finalizers: null } };
  const contentType = 'application/merge-patch+json';
  await second.client.raw({ method: 'PATCH', path: `${foosPath}/a`, body, contentType });
  await expect.poll(async () => (await second.client.find(crds, { name })) === undefined).toBe(true);
});

test('two servers on one store serve what either defines', async () => {
  const clock = new FakeClock();
  await using store = new MemoryStore({ clock });
  const [one, two] = [await start(store, clock), await start(store, clock)];
  await using _one = one.server;
  await using _two = two.server;
  await one.client.create(crds, fooDefinition() as never);
  await expect
    .poll(() =>
      two.client.raw({ method: 'GET', path: foosPath }).then(
        () => true,
        () => false,
      ),
    )
    .toBe(true);
  await one.client.delete(crds, { name });
  await expect
    .poll(() =>
      two.client.raw({ method: 'GET', path: foosPath }).then(
        () => true,
        () => false,
      ),
    )
    .toBe(false);
});
