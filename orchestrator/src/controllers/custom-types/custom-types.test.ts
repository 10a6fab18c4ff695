import { resources } from '@berth/kube';
import { expect, test } from 'vitest';
import {
  aCustomServer,
  aFoo,
  fooDefinition,
  foosPath,
  refusal,
} from '../../api-server/custom-resources/custom-resources.harness.ts';
import { withControllers } from '../controller.test-harness.ts';
import { startGarbageCollector } from '../garbage-collector/garbage-collector.ts';
import { startNamespaceController } from '../namespace/namespace-controller.ts';
import { startResourceQuotaController } from '../resource-quota/resource-quota-controller.ts';

/** The controllers that look after objects of every kind, on a server in memory. */
async function scene() {
  const starts = [startGarbageCollector, startNamespaceController, startResourceQuotaController];
  return withControllers(await aCustomServer(), starts);
}

type Scene = Awaited<ReturnType<typeof scene>>;

function owned(by: { kind?: string; apiVersion?: string; metadata: { name?: string; uid?: string } }) {
  const { kind = '', apiVersion = '', metadata } = by;
  return {
    ownerReferences: [
      { kind, apiVersion, name: metadata.name ?? '', uid: metadata.uid ?? '', blockOwnerDeletion: true },
    ],
  };
}

const find = (s: Scene, name: string) => s.client.find(resources.configmaps, { namespace: 'default', name });

test('what a custom resource owns goes with it', async () => {
  await using s = await scene();
  await s.define(fooDefinition());
  const foo = await s.send('POST', foosPath, aFoo('a'));
  await s.client.create(resources.configmaps, { metadata: { namespace: 'default', name: 'mine', ...owned(foo) } });
  await s.until(async () => s.customTypes.types.length === 1);
  await s.send('DELETE', `${foosPath}/a`);
  await s.until(async () => (await find(s, 'mine')) === undefined);
});

test('a custom resource goes with its owner, and loses one that is gone when it has another', async () => {
  await using s = await scene();
  await s.define(fooDefinition());
  const [one, two] = await Promise.all(
    ['one', 'two'].map((name) => s.client.create(resources.configmaps, { metadata: { namespace: 'default', name } })),
  );
  if (!one || !two) throw new Error('not made');
  const both = {
    ownerReferences: [one, two].flatMap(
      (map) => owned({ kind: 'ConfigMap', apiVersion: 'v1', metadata: map.metadata }).ownerReferences,
    ),
  };
  await s.send('POST', foosPath, { ...aFoo('a'), metadata: { name: 'a', ...both } });
  await s.client.delete(resources.configmaps, { namespace: 'default', name: 'one' });
  const owners = async () => (await s.send('GET', `${foosPath}/a`)).metadata.ownerReferences?.map(({ name }) => name);
  await s.until(async () => (await owners())?.join() === 'two');
  await s.client.delete(resources.configmaps, { namespace: 'default', name: 'two' });
  await s.until(async () => ((await s.send('GET', foosPath)) as unknown as { items: [] }).items.length === 0);
});

test('a namespace that ends takes its custom resources with it', async () => {
  await using s = await scene();
  await s.define(fooDefinition());
  await s.client.create(resources.namespaces, { metadata: { name: 'n' } });
  const path = foosPath.replace('default', 'n');
  await s.send('POST', path, aFoo('a'));
  await s.client.delete(resources.namespaces, { name: 'n' });
  await s.until(async () => (await s.client.find(resources.namespaces, { name: 'n' })) === undefined);
  expect((await s.send('GET', path))['items']).toEqual([]);
});

test('a quota counts custom resources, and gives back what went', async () => {
  await using s = await scene();
  await s.define(fooDefinition());
  const name = 'count/foos.samplecontroller.k8s.io';
  await s.client.create(resources.resourcequotas, {
    metadata: { namespace: 'default', name: 'q' },
    spec: { hard: { [name]: '1' } },
  });
  const used = async () =>
    (await s.client.get(resources.resourcequotas, { namespace: 'default', name: 'q' })).status?.used?.[name];
  await s.until(async () => (await used()) === '0');
  await s.send('POST', foosPath, aFoo('a'));
  expect(await used()).toBe('1');
  expect(await refusal(s.send('POST', foosPath, aFoo('b')))).toMatchObject({
    code: 403,
    message: `foos.samplecontroller.k8s.io "b" is forbidden: exceeded quota: q, requested: ${name}=1, used: ${name}=1, limited: ${name}=1`,
  });
  await s.send('DELETE', `${foosPath}/a`);
  await s.until(async () => (await used()) === '0');
});

test('a definition that comes after the controllers is followed, and forgotten with its end', async () => {
  await using s = await scene();
  await s.until(async () => s.customTypes.types.length === 0);
  await s.define(fooDefinition());
  await s.until(async () => s.customTypes.types.length === 1);
  const foo = await s.send('POST', foosPath, aFoo('a'));
  await s.client.create(resources.configmaps, { metadata: { namespace: 'default', name: 'mine', ...owned(foo) } });
  await s.client.delete(s.crds, { name: 'foos.samplecontroller.k8s.io' });
  await s.until(async () => s.customTypes.types.length === 0);
  await s.until(async () => (await find(s, 'mine')) === undefined);
});
