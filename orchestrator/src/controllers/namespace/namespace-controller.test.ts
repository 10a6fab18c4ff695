import { type ConfigMap, type KubeObject, type Namespace, type ResourceType, resources } from '@berth/kube';
import { expect, test } from 'vitest';
import { aPod, aServer } from '../../api-server/server.test-harness.ts';
import { lateClient, withController, withControllers } from '../controller.test-harness.ts';
import { startNamespaceController } from './namespace-controller.ts';

async function scene() {
  const world = await withController(startNamespaceController);
  const namespace = () => world.client.find<Namespace>(resources.namespaces, { name: 'n' });
  return Object.assign(world, { namespace });
}

test('a namespace that ends takes its objects with it', async () => {
  await using s = await scene();
  await s.client.create(resources.namespaces, { metadata: { name: 'n' } });
  await s.client.create(resources.configmaps, { metadata: { namespace: 'n', name: 'm' } });
  await s.client.create(resources.secrets, { metadata: { namespace: 'n', name: 's' } });
  await s.client.create(resources.horizontalpodautoscalers, {
    metadata: { namespace: 'n', name: 'h' },
    spec: { maxReplicas: 2, scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'd' } },
  });
  await s.client.create(resources.resourceclaims, { metadata: { namespace: 'n', name: 'c' }, spec: {} });
  await s.client.delete(resources.namespaces, { name: 'n' });
  await s.until(async () => (await s.namespace()) === undefined);
  const { configmaps, secrets, horizontalpodautoscalers, resourceclaims } = resources;
  for (const type of [configmaps, secrets, horizontalpodautoscalers, resourceclaims])
    expect((await s.client.list<KubeObject>(type as ResourceType, { namespace: 'n' })).items).toEqual([]);
});

test('a namespace that waits for a finalizer says so, and goes with it', async () => {
  await using s = await scene();
  const ref = { namespace: 'n', name: 'held' };
  await s.client.create(resources.namespaces, { metadata: { name: 'n' } });
  await s.client.create(resources.configmaps, { metadata: { ...ref, finalizers: ['example.com/hold'] } });
  await s.client.create(resources.configmaps, { metadata: { namespace: 'n', name: 'free' } });
  await s.client.delete(resources.namespaces, { name: 'n' });
  await s.until(async () => (await s.namespace())?.status?.conditions !== undefined);
  const said = Object.fromEntries(
    ((await s.namespace())?.status?.conditions ?? []).map(({ type, status, reason, message }) => [
      type,
      `${status} ${reason}: ${message}`,
    ]),
  );
  expect(said).toEqual({
    NamespaceDeletionDiscoveryFailure: 'False ResourcesDiscovered: All resources successfully discovered',
    NamespaceDeletionGroupVersionParsingFailure: 'False ParsedGroupVersions: All legacy kube types successfully parsed',
    NamespaceDeletionContentFailure:
      'False ContentDeleted: All content successfully deleted, may be waiting on finalization',
    NamespaceContentRemaining:
      'True SomeResourcesRemain: Some resources are remaining: configmaps. has 1 resource instances',
    NamespaceFinalizersRemaining:
      'True SomeFinalizersRemain: Some content in the namespace has finalizers remaining: example.com/hold in 1 resource instances',
  });
  const held = await s.client.get<ConfigMap>(resources.configmaps, ref);
  await s.client.update<ConfigMap>(resources.configmaps, { ...held, metadata: { ...held.metadata, finalizers: [] } });
  await s.until(async () => (await s.namespace()) === undefined);
});

/** KEP-5080: a pod loses neither what guards it nor what it reads before it has ended. */
test('what is in a namespace stays until its pods have gone', async () => {
  await using s = await scene();
  const [pod, map] = [
    { namespace: 'n', name: 'p' },
    { namespace: 'n', name: 'm' },
  ];
  await s.client.create(resources.namespaces, { metadata: { name: 'n' } });
  await s.client.create(resources.serviceaccounts, { metadata: { namespace: 'n', name: 'default' } });
  await s.client.create(resources.configmaps, { metadata: map });
  await s.client.create(resources.pods, aPod('p', { metadata: { ...pod, finalizers: ['example.com/hold'] } }));
  await s.client.delete(resources.namespaces, { name: 'n' });
  await s.until(async () => (await s.namespace())?.status?.conditions !== undefined);
  expect((await s.client.get(resources.pods, pod)).metadata.deletionTimestamp).toBeDefined();
  expect((await s.client.get(resources.configmaps, map)).metadata.deletionTimestamp).toBeUndefined();
  await s.client.patch(resources.pods, pod, { type: 'merge', patch: { metadata: { finalizers: [] } } });
  await s.until(async () => (await s.namespace()) === undefined);
  expect(await s.client.find(resources.configmaps, map)).toBeUndefined();
});

/** namespaced_resources_deleter Delete: the latest state decides. */
test('a namespace that was made again keeps what is in it, also where the controller hears of that late', async () => {
  const server = await aServer();
  const late = lateClient(server.server.transport(), 'namespaces');
  await using s = withControllers({ ...server, client: late.client }, [startNamespaceController]);
  const find = () => s.client.find<Namespace>(resources.namespaces, { name: 'n' });
  const map = (name: string, more: object = {}) =>
    s.client.create(resources.configmaps, { metadata: { namespace: 'n', name, ...more } });
  await s.client.create(resources.namespaces, { metadata: { name: 'n' } });
  await map('held', { finalizers: ['example.com/hold'] });
  await s.client.delete(resources.namespaces, { name: 'n' });
  await s.until(async () => (await find())?.status?.conditions !== undefined);
  await s.clock.advance(1000);
  late.hold();
  const free = { type: 'merge', patch: { metadata: { finalizers: [] } } } as const;
  await s.client.patch(resources.configmaps, { namespace: 'n', name: 'held' }, free);
  await s.until(async () => (await find()) === undefined);
  await s.client.create(resources.namespaces, { metadata: { name: 'n' } });
  await map('new');
  await map('brief');
  await s.client.delete(resources.configmaps, { namespace: 'n', name: 'brief' });
  await s.clock.advance(60_000);
  late.release();
  await s.clock.advance(1000);
  expect(await s.client.find(resources.configmaps, { namespace: 'n', name: 'new' })).toBeDefined();
  expect((await find())?.spec?.finalizers).toEqual(['kubernetes']);
});
