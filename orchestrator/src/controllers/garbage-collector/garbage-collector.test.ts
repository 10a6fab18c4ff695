import { type KubeObject, resources } from '@berth/kube';
import { expect, test } from 'vitest';
import { FakeEvents } from '../../../../test/harness/fake-recorder.ts';
import { aConfigMap, aServer } from '../../api-server/server.test-harness.ts';
import { lateClient, withController, withControllers } from '../controller.test-harness.ts';
import { startGarbageCollector } from './garbage-collector.ts';

const { configmaps } = resources;
const at = (name: string) => ({ namespace: 'default', name });

async function scene() {
  const world = await withController(startGarbageCollector);
  const { client } = world;
  const owners = (...of: readonly KubeObject[]) => ({
    ownerReferences: of.map(({ metadata: { name = '', uid = '' } }) => ({
      ...{ apiVersion: 'v1', kind: 'ConfigMap', name, uid },
      blockOwnerDeletion: true,
    })),
  });
  return Object.assign(world, {
    create: (name: string) => client.create(configmaps, aConfigMap(name)),
    own: (name: string, ...of: readonly KubeObject[]) =>
      client.patch(configmaps, at(name), { type: 'merge', patch: { metadata: owners(...of) } }),
    deleteForeground: (name: string) => client.delete(configmaps, at(name), { propagationPolicy: 'Foreground' }),
    names: async () =>
      (await client.list(configmaps, { namespace: 'default' })).items.map(({ metadata }) => metadata.name),
  });
}

/** attemptToDeleteItem: one that has both waiting owners and waiting dependents blocks its owners no longer. */
test('objects that own each other in a circle go together, also in the foreground', async () => {
  await using s = await scene();
  const [a, b, c] = [await s.create('a'), await s.create('b'), await s.create('c')];
  await s.own('a', c);
  await s.own('b', a);
  await s.own('c', b);
  await s.deleteForeground('a');
  await s.until(async () => (await s.names()).length === 0);
});

test("one that waits for its dependents goes when the last of them is another owner's alone", async () => {
  await using s = await scene();
  const [gone, stays] = [await s.create('gone'), await s.create('stays')];
  await s.create('both');
  await s.own('both', gone, stays);
  await s.deleteForeground('gone');
  await s.until(async () => (await s.names()).length === 2);
  const { metadata } = await s.client.get(configmaps, at('both'));
  expect(metadata.ownerReferences).toMatchObject([{ name: 'stays' }]);
});

/** processTransitions: all dependents are deleted, and only some waited for. */
test('what nobody waits for is deleted in the foreground, too, while its owner waits for another', async () => {
  await using s = await scene();
  const owner = await s.create('owner');
  const finalizers = ['example.com/held'];
  for (const name of ['blocking', 'beside']) {
    await s.create(name);
    await s.own(name, owner);
    await s.client.patch(configmaps, at(name), { type: 'merge', patch: { metadata: { finalizers } } });
  }
  const free = [{ op: 'remove', path: '/metadata/ownerReferences/0/blockOwnerDeletion' }];
  await s.client.patch(configmaps, at('beside'), { type: 'json', patch: free });
  await s.deleteForeground('owner');
  for (const name of ['blocking', 'beside'])
    await s.until(async () => (await s.client.get(configmaps, at(name))).metadata.deletionTimestamp !== undefined);
  expect(await s.names()).toContain('owner');
  await s.client.patch(configmaps, at('blocking'), { type: 'merge', patch: { metadata: { finalizers: null } } });
  await s.until(async () => (await s.names()).join() === 'beside');
});

/** addDependentToOwners, isDangling: owners are looked for where the dependent is. */
test('an owner of another namespace, or of another name, is none', async () => {
  const events = new FakeEvents();
  await using s = withControllers(await aServer(), [startGarbageCollector], events.recorder);
  const { uid = '' } = (await s.client.create(configmaps, aConfigMap('owner'))).metadata;
  await s.clock.advance(1000);
  const metadata = (name: string, namespace?: string, owner = 'owner') => ({
    ...{ name, ...(namespace ? { namespace } : {}) },
    ownerReferences: [{ apiVersion: 'v1', kind: 'ConfigMap', name: owner, uid }],
  });
  await s.client.create(resources.namespaces, { metadata: { name: 'other' } });
  await s.client.create(configmaps, { metadata: metadata('elsewhere', 'other') });
  await s.client.create(configmaps, { metadata: metadata('misnamed', 'default', 'another') });
  await s.client.create(configmaps, { metadata: metadata('owned', 'default') });
  const everywhere = { metadata: metadata('everywhere'), value: 1 };
  await s.client.create(resources.priorityclasses, everywhere);
  const names = async () => (await s.client.list(configmaps)).items.map((each) => each.metadata.name).sort();
  await s.until(async () => (await names()).join() === 'owned,owner');
  await s.clock.advance(60_000);
  expect(await s.client.find(resources.priorityclasses, { name: 'everywhere' })).toBeDefined();
  const told = (namespace: string) =>
    `ownerRef [v1/ConfigMap, namespace: ${namespace}, name: owner, uid: ${uid}] does not exist in namespace "${namespace}"`;
  const about = { component: 'garbage-collector-controller', type: 'Warning', reason: 'OwnerRefInvalidNamespace' };
  expect(events.recorded.toSorted((a, b) => (a.about < b.about ? -1 : 1))).toEqual([
    { ...about, about: 'ConfigMap/elsewhere', message: told('other') },
    { ...about, about: 'PriorityClass/everywhere', message: told('') },
  ]);
});

/** deleteObject: the graph may lag behind, which follows each kind by itself. */
test('an object whose owner was taken away before it went stays, also where the collector hears of that late', async () => {
  const server = await aServer();
  const late = lateClient(server.server.transport(), 'secrets');
  await using s = withControllers({ ...server, client: late.client }, [startGarbageCollector]);
  const owner = await s.client.create(configmaps, aConfigMap('owner'));
  const { name = '', uid = '' } = owner.metadata;
  const ownerReferences = [{ apiVersion: 'v1', kind: 'ConfigMap', name, uid }];
  for (const [type, dependent] of [
    [resources.secrets, 'kept'],
    [configmaps, 'goes'],
  ] as const)
    await s.client.create(type, { metadata: { ...at(dependent), ownerReferences } });
  await s.clock.advance(1000);
  late.hold();
  await s.client.patch(resources.secrets, at('kept'), {
    type: 'merge',
    patch: { metadata: { ownerReferences: null } },
  });
  await s.client.delete(configmaps, at('owner'));
  await s.until(async () => (await s.client.find(configmaps, at('goes'))) === undefined);
  await s.clock.advance(60_000);
  late.release();
  await s.clock.advance(60_000);
  expect(await s.client.find(resources.secrets, at('kept'))).toBeDefined();
});
