import { resources } from '@berth/kube';
import { expect, test } from 'vitest';
import type { AnyObject } from '../resource-definition.ts';
import { definitions } from '../resources/definitions.ts';
import { aConfigMap, aPod, aServer } from '../server.test-harness.ts';
import { planDeletion } from './delete-object.ts';

const ref = (name: string) => ({ namespace: 'default', name });

test('an object with a finalizer waits, and goes when the last one is removed', async () => {
  await using server = await aServer();
  const { client } = server;
  await client.create(resources.configmaps, { metadata: { name: 'a', namespace: 'default', finalizers: ['x/y'] } });
  expect(await client.delete(resources.configmaps, ref('a'))).toMatchObject({
    metadata: { deletionTimestamp: expect.any(String), deletionGracePeriodSeconds: 0 },
  });
  const revision = server.store.revision;
  await client.delete(resources.configmaps, ref('a'));
  expect(server.store.revision).toBe(revision);
  const grow = client.patch(resources.configmaps, ref('a'), {
    type: 'merge',
    patch: { metadata: { finalizers: ['x/y', 'x/z'] } },
  });
  await expect(grow).rejects.toMatchObject({ code: 'Invalid' });
  await client.patch(resources.configmaps, ref('a'), { type: 'merge', patch: { metadata: { finalizers: null } } });
  expect(await client.find(resources.configmaps, ref('a'))).toBeUndefined();
});

test('a pod without a node goes at once; one on a node gets its grace period, which can only be shortened', async () => {
  await using server = await aServer();
  const { client } = server;
  await client.create(resources.pods, aPod('free'));
  await client.delete(resources.pods, ref('free'));
  expect(await client.find(resources.pods, ref('free'))).toBeUndefined();
  await client.create(resources.pods, aPod('p', { spec: { nodeName: 'n', terminationGracePeriodSeconds: 30 } }));
  const grace = async (options: object) => {
    await client.delete(resources.pods, ref('p'), options);
    return (await client.find(resources.pods, ref('p')))?.metadata.deletionGracePeriodSeconds;
  };
  expect(await grace({})).toBe(30);
  expect(await grace({ gracePeriodSeconds: 60 })).toBe(30);
  expect(await grace({ gracePeriodSeconds: 10 })).toBe(10);
  expect(await grace({})).toBe(10);
  expect(await grace({ gracePeriodSeconds: 0 })).toBeUndefined();
});

test('a watcher sees a pod without grace marked before it goes, and a forced one with its period cut to nothing', async () => {
  await using server = await aServer();
  const { client } = server;
  const changes = async (spec: object, ...deletions: object[]) => {
    const { metadata } = await client.create(resources.pods, aPod('p', { spec: { nodeName: 'n', ...spec } }));
    using stop = abortOnDispose();
    const seen: unknown[] = [];
    const options = { namespace: 'default', resourceVersion: metadata.resourceVersion ?? '' };
    const watching = client.watch(resources.pods, options, stop.signal);
    for (const deletion of deletions) await client.delete(resources.pods, ref('p'), deletion);
    for await (const { type, object } of watching) {
      seen.push([type, object.metadata.deletionGracePeriodSeconds]);
      if (type === 'DELETED') break;
    }
    return seen;
  };
  expect(await changes({ terminationGracePeriodSeconds: 0 }, {})).toEqual([
    ['MODIFIED', 0],
    ['DELETED', 0],
  ]);
  expect(await changes({}, {}, { gracePeriodSeconds: 0 })).toEqual([
    ['MODIFIED', 30],
    ['MODIFIED', 0],
    ['DELETED', 0],
  ]);
});

test('a pod that a crash left marked without grace goes with the next deletion, unless something holds it', () => {
  const definition = definitions.find(({ group, plural }) => group === '' && plural === 'pods');
  if (!definition) throw new Error('no pods');
  const options = { dryRun: false, gracePeriodSeconds: undefined, propagationPolicy: undefined, preconditions: {} };
  const marked = { name: 'p', deletionTimestamp: '2030-01-01T00:00:00Z', deletionGracePeriodSeconds: 0 };
  const plan = (finalizers: string[]) =>
    planDeletion({
      definition,
      old: { metadata: { ...marked, finalizers }, spec: { nodeName: 'n' } },
      options,
      now: 0,
    });
  expect(plan([])).toBe('remove');
  expect(plan(['x/y'])).toBe('pending');
});

// As kube-apiserver 1.36.3 answers them (rest.BeforeDelete).
test.each([
  ['below nothing is a second', -1, 0, { at: '2030-01-01T00:00:01Z', left: 1 }],
  ['counts from when the deletion began', 10, 5, { at: '2030-01-01T00:00:10Z', left: 10 }],
  ['is a second from now where it is over', 10, 20, { at: '2030-01-01T00:00:20Z', left: 1 }],
  ['is nothing where nothing is asked for', 0, 20, { at: '2030-01-01T00:00:20Z', left: 0 }],
])('a grace period that is shortened %s', (_, gracePeriodSeconds, passed, expected) => {
  const definition = definitions.find(({ group, plural }) => group === '' && plural === 'pods');
  if (!definition) throw new Error('no pods');
  const began = Date.parse('2030-01-01T00:00:00Z');
  const marked = { deletionTimestamp: '2030-01-01T00:00:30Z', deletionGracePeriodSeconds: 30 };
  const { metadata } = planDeletion({
    definition,
    old: { metadata: { name: 'p', creationTimestamp: '2029-01-01T00:00:00Z', ...marked }, spec: { nodeName: 'n' } },
    options: { dryRun: false, gracePeriodSeconds, propagationPolicy: undefined, preconditions: {} },
    now: began + passed * 1000,
  }) as AnyObject;
  expect({ at: metadata.deletionTimestamp, left: metadata.deletionGracePeriodSeconds }).toEqual(expected);
});

test('a definition whose deletion is asked for again says that no time is left', () => {
  const definition = definitions.find(({ plural }) => plural === 'customresourcedefinitions');
  if (!definition) throw new Error('no definitions');
  const options = { dryRun: false, gracePeriodSeconds: undefined, propagationPolicy: undefined, preconditions: {} };
  const plan = (old: AnyObject) => planDeletion({ definition, old, options, now: 0 }) as AnyObject;
  const held = { metadata: { name: 'd', finalizers: ['customresourcecleanup.apiextensions.k8s.io'] }, status: {} };
  const first = plan(held);
  expect(first.metadata).not.toHaveProperty('deletionGracePeriodSeconds');
  const second = plan(first);
  expect(second.metadata).toEqual({ ...first.metadata, deletionGracePeriodSeconds: 0 });
  expect(plan(second)).toBe('pending');
});

test('propagation policies leave their finalizer for the garbage collector', async () => {
  await using server = await aServer();
  const { client } = server;
  for (const [policy, finalizer] of [
    ['Foreground', 'foregroundDeletion'],
    ['Orphan', 'orphan'],
  ] as const) {
    await client.create(resources.configmaps, aConfigMap('a'));
    await client.delete(resources.configmaps, ref('a'), { propagationPolicy: policy });
    expect((await client.get(resources.configmaps, ref('a'))).metadata.finalizers).toEqual([finalizer]);
    await client.patch(resources.configmaps, ref('a'), { type: 'merge', patch: { metadata: { finalizers: null } } });
  }
});

test('preconditions that do not hold keep the object', async () => {
  await using server = await aServer();
  const { client } = server;
  const { metadata } = await client.create(resources.configmaps, aConfigMap('a'));
  const deletion = (preconditions: object) => client.delete(resources.configmaps, ref('a'), { preconditions });
  await expect(deletion({ uid: 'other' })).rejects.toMatchObject({ code: 'Conflict' });
  await expect(deletion({ resourceVersion: '1' })).rejects.toMatchObject({ code: 'Conflict' });
  await deletion({ uid: metadata.uid, resourceVersion: metadata.resourceVersion });
  expect(await client.find(resources.configmaps, ref('a'))).toBeUndefined();
});

test('default and kube-system stay', async () => {
  await using server = await aServer();
  for (const name of ['default', 'kube-system'])
    await expect(server.client.delete(resources.namespaces, { name })).rejects.toMatchObject({ code: 'Forbidden' });
});

function abortOnDispose() {
  const controller = new AbortController();
  return { signal: controller.signal, [Symbol.dispose]: () => controller.abort() };
}
