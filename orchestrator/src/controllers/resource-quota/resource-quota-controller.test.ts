import { silentLogger } from '@berth/kit';
import { type KubeObject, type Pod, resources } from '@berth/kube';
import { expect, test } from 'vitest';
import { aPod, aServer } from '../../api-server/server.test-harness.ts';
import { lateClient, withController, withControllers } from '../controller.test-harness.ts';
import { startResourceQuotaController } from './resource-quota-controller.ts';

const at = (name: string) => ({ namespace: 'default', name });

async function withQuota(
  hard: Record<string, string>,
  scopes: string[] = [],
  started = withController(startResourceQuotaController),
) {
  const world = await started;
  const { client } = world;
  const used = async () => (await client.get(resources.resourcequotas, at('q'))).status?.used;
  const untilUsed = (wanted: object) =>
    world.until(async () => JSON.stringify(await used()) === JSON.stringify(wanted));
  await client.create(resources.resourcequotas, {
    metadata: at('q'),
    spec: { hard, ...(scopes.length > 0 ? { scopes } : {}) },
  });
  await untilUsed(Object.fromEntries(Object.keys(hard).map((name) => [name, '0'])));
  return Object.assign(world, { untilUsed, used });
}

test('a pod that gets a deadline leaves the quota of those without', async () => {
  await using s = await withQuota({ pods: '1' }, ['NotTerminating']);
  await s.client.create(resources.pods, aPod('a') as KubeObject as Pod);
  expect(await s.used()).toEqual({ pods: '1' });
  await s.client.patch(resources.pods, at('a'), { type: 'merge', patch: { spec: { activeDeadlineSeconds: 3600 } } });
  await s.untilUsed({ pods: '0' });
});

test('what goes is given back, of whatever kind', async () => {
  await using s = await withQuota({ 'count/resourceclaims.resource.k8s.io': '1' });
  await s.client.create(resources.resourceclaims, { metadata: at('c'), spec: {} });
  expect(await s.used()).toEqual({ 'count/resourceclaims.resource.k8s.io': '1' });
  await s.client.delete(resources.resourceclaims, at('c'));
  await s.untilUsed({ 'count/resourceclaims.resource.k8s.io': '0' });
});

test('a quota that goes while it is counted is nothing to tell of', async () => {
  const heard: string[] = [];
  await using s = await withController((deps, signal) => {
    const { client } = deps;
    const updateStatus: typeof client.updateStatus = async (type, object, ...rest) => {
      await client.delete(resources.resourcequotas, at('q'));
      return client.updateStatus(type, object, ...rest).finally(() => heard.push('asked'));
    };
    const log = { ...silentLogger, warn: (message: string) => void heard.push(message) };
    const late = Object.create(client, { updateStatus: { value: updateStatus } }) as typeof client;
    return startResourceQuotaController({ ...deps, log, client: late }, signal);
  });
  await s.client.create(resources.resourcequotas, { metadata: at('q'), spec: { hard: { pods: '1' } } });
  await s.until(async () => heard.length > 0);
  await s.clock.advance(1000);
  expect(heard).toEqual(['asked']);
});

const gone = { gracePeriodSeconds: 0 };

test('what is being made while it is counted what there is keeps the room that it was given', async () => {
  await using s = await withQuota({ pods: '2' });
  const { store } = s as typeof s & Pick<Awaited<ReturnType<typeof aServer>>, 'store'>;
  await s.client.create(resources.pods, aPod('a') as KubeObject as Pod);
  const gate = Promise.withResolvers<void>();
  const write = store.write.bind(store);
  store.write = async (change) => {
    if (change.key === '/registry/pods/default/b') await gate.promise;
    return write(change);
  };
  const making = s.client.create(resources.pods, aPod('b') as KubeObject as Pod);
  await s.untilUsed({ pods: '2' });
  await s.client.delete(resources.pods, at('a'), gone);
  await s.untilUsed({ pods: '0' });
  gate.resolve();
  await making;
  await s.untilUsed({ pods: '1' });
});

test('what a count did not know of yet is counted when it is heard of', async () => {
  const server = await aServer();
  const late = lateClient(server.server.transport(), 'pods');
  const world = withControllers({ ...server, client: late.client }, [startResourceQuotaController]);
  await using s = await withQuota({ pods: '2' }, [], Promise.resolve(world));
  late.hold();
  await s.client.create(resources.pods, aPod('a') as KubeObject as Pod);
  const patch = { spec: { hard: { pods: '3' } } };
  await s.client.patch(resources.resourcequotas, at('q'), { type: 'merge', patch });
  await s.untilUsed({ pods: '0' });
  // Whoever looks again hears of nothing yet.
  await s.clock.advance(2000);
  expect(await s.used()).toEqual({ pods: '0' });
  late.release();
  await s.untilUsed({ pods: '1' });
});
