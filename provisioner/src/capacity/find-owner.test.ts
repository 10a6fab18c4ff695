import { FakeClock, seededRng } from '@berth/kit';
import { KubeClient, type KubeObject, resources } from '@berth/kube';
import { expect, test } from 'vitest';
import { FakeApi } from '../../../test/harness/fake-api.ts';
import { findOwner } from './find-owner.ts';

const { signal } = new AbortController();
const namespace = 'storage';

async function deployed() {
  const client = new KubeClient(new FakeApi({ clock: new FakeClock(), rng: seededRng(1) }));
  const ownedBy = (owner: KubeObject, kind: string) => ({
    ownerReferences: [
      { apiVersion: 'v1', kind: 'ConfigMap', name: 'other', uid: 'x' },
      { apiVersion: 'apps/v1', kind, name: owner.metadata.name ?? '', uid: owner.metadata.uid ?? '', controller: true },
    ],
  });
  const deployment = await client.create(resources.deployments, { metadata: { name: 'driver', namespace } } as never);
  const metadata = { name: 'driver-1', namespace, ...ownedBy(deployment, 'Deployment') };
  const set = await client.create(resources.replicasets, { metadata } as never);
  const pod = { metadata: { name: 'driver-1-a', namespace, ...ownedBy(set, 'ReplicaSet') } };
  await client.create(resources.pods, pod as never);
  return (level: number) => findOwner(client, { namespace, podName: 'driver-1-a', level }, signal);
}

test('the owner is the pod, its controller, or the controller of that, by level; nobody below zero', async () => {
  const owner = await deployed();
  expect(await owner(-1)).toBeUndefined();
  expect(await owner(0)).toMatchObject({ apiVersion: 'v1', kind: 'Pod', name: 'driver-1-a', controller: true });
  expect(await owner(1)).toMatchObject({ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'driver-1' });
  expect(await owner(2)).toMatchObject({ apiVersion: 'apps/v1', kind: 'Deployment', name: 'driver' });
  await expect(owner(3)).rejects.toThrow('Deployment "driver" has no controller');
});
