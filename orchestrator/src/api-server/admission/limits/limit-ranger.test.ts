import { type KubeObject, type Pod, resources } from '@berth/kube';
import { expect, test } from 'vitest';
import { aPod, aServer } from '../../server.test-harness.ts';

async function limited(...limits: object[]) {
  const s = await aServer();
  const metadata = { name: 'limits', namespace: 'default' };
  await s.client.create(resources.limitranges, { metadata, spec: { limits } } as never);
  return s;
}

const withResources = (name: string, own: object) =>
  aPod(name, { spec: { containers: [{ name: 'c', image: 'i', resources: own }] } }) as Pod & KubeObject;

test('containers that say nothing get the defaults, and the pod tells so', async () => {
  await using s = await limited({
    type: 'Container',
    default: { cpu: '200m', memory: '64Mi' },
    defaultRequest: { cpu: '100m' },
  });
  const pod = await s.client.create(resources.pods, withResources('p', { requests: { memory: '32Mi' } }));
  expect(pod.spec?.containers[0]?.resources).toEqual({
    limits: { cpu: '200m', memory: '64Mi' },
    requests: { cpu: '100m', memory: '32Mi' },
  });
  expect(pod.metadata.annotations).toEqual({
    'kubernetes.io/limit-ranger':
      'LimitRanger plugin set: cpu request for container c; cpu, memory limit for container c',
  });
});

test.each([
  [
    { requests: { cpu: '50m' } },
    '[minimum cpu usage per Container is 100m, but request is 50m, cpu max limit to request ratio per Container is 5, but provided ratio is 40.000000]',
  ],
  [{ requests: { cpu: '1' }, limits: { cpu: '3' } }, 'maximum cpu usage per Container is 2, but limit is 3'],
  [
    { requests: { cpu: '100m' }, limits: { cpu: '1' } },
    'cpu max limit to request ratio per Container is 5, but provided ratio is 10.000000',
  ],
])('a container with %j is refused', async (own, why) => {
  await using s = await limited({
    type: 'Container',
    min: { cpu: '100m' },
    max: { cpu: '2' },
    maxLimitRequestRatio: { cpu: '5' },
  });
  await expect(s.client.create(resources.pods, withResources('p', own))).rejects.toThrow(
    `pods "p" is forbidden: ${why}`,
  );
  expect(await s.client.find(resources.pods, { namespace: 'default', name: 'p' })).toBeUndefined();
});

test('what is wrong is told at once', async () => {
  await using s = await limited({ type: 'Pod', max: { cpu: '1', memory: '1Gi' } });
  await expect(s.client.create(resources.pods, withResources('p', { limits: { cpu: '2' } }))).rejects.toThrow(
    'pods "p" is forbidden: [maximum cpu usage per Pod is 1, but limit is 2, maximum memory usage per Pod is 1Gi.  No limit is specified]',
  );
});

test.each([
  ['10Mi', 'minimum storage usage per PersistentVolumeClaim is 1Gi, but request is 10Mi'],
  ['3Gi', 'maximum storage usage per PersistentVolumeClaim is 2Gi, but request is 3Gi'],
])('a claim of %s is refused', async (storage, why) => {
  await using s = await limited({ type: 'PersistentVolumeClaim', min: { storage: '1Gi' }, max: { storage: '2Gi' } });
  const claim = {
    metadata: { name: 'data', namespace: 'default' },
    spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage } } },
  };
  await expect(s.client.create(resources.persistentvolumeclaims, claim)).rejects.toThrow(
    `persistentvolumeclaims "data" is forbidden: ${why}`,
  );
});

test('a namespace without limits is left alone, whatever others have', async () => {
  await using s = await limited({ type: 'Container', default: { cpu: '1' } });
  await s.client.create(resources.serviceaccounts, { metadata: { name: 'default', namespace: 'kube-public' } });
  const pod = await s.client.create(resources.pods, {
    ...aPod('p'),
    metadata: { name: 'p', namespace: 'kube-public' },
  } as never);
  expect((pod as Pod).spec?.containers[0]?.resources).toEqual({});
});
