import { ApiError, resources } from '@berth/kube';
import { expect } from 'vitest';
import { container, podSpec, type Stage } from './storage-history-stage.ts';

const { persistentvolumeclaims: claims, persistentvolumes: volumes, pods, statefulsets } = resources;
const template = { spec: { template: { metadata: { annotations: { v: '2' } } } } };

/** What was done while each history was recorded. */
export const cases: Readonly<Record<string, (stage: Stage) => Promise<unknown>>> = {
  immediate: async (stage) => {
    await stage.claim();
    await stage.bound();
    await stage.delete(claims, 'c1');
    await stage.volumeGone();
  },
  wffc: async (stage) => {
    await stage.claim('wffc');
    await stage.told('WaitForFirstConsumer');
    await stage.pod('p1');
    await stage.running('p1');
    await stage.delete(claims, 'c1');
    await stage.delete(pods, 'p1');
    await stage.volumeGone();
  },
  'no-provisioner': async (stage) => {
    await stage.claim('wrong-prov');
    await stage.told('ExternalProvisioning');
  },
  static: async (stage) => {
    const selector = {
      matchLabels: { release: 'stable' },
      matchExpressions: [{ key: 'environment', operator: 'In', values: ['dev'] }],
    };
    await stage.claim('', { selector });
    await stage.told('FailedBinding');
    await stage.client.create(volumes, {
      metadata: { name: 'static-1', labels: { environment: 'dev', release: 'stable' } },
      spec: {
        capacity: { storage: '5Gi' },
        hostPath: { path: '/tmp/static-1', type: '' },
        accessModes: ['ReadWriteOnce'],
        persistentVolumeReclaimPolicy: 'Retain',
      },
    });
    await stage.bound();
    await stage.delete(claims, 'c1');
    await stage.is(volumes, 'static-1', ({ status }) => status?.phase === 'Released');
    await stage.delete(volumes, 'static-1');
  },
  'expand-offline': async (stage) => {
    await stage.claim();
    await stage.bound();
    await stage.grow('2Mi');
    await stage.told('FileSystemResizeRequired');
    await stage.pod('p1');
    await stage.running('p1');
    await expect(stage.grow('1Mi')).rejects.toMatchObject({ code: 'Invalid' });
    await stage.delete(pods, 'p1');
  },
  statefulset: async (stage) => {
    await stage.set({ replicas: 3 });
    await stage.settled(3);
    await stage.patch(statefulsets, 'web', { spec: { replicas: 1 } });
    await stage.settled(1);
    await stage.patch(statefulsets, 'web', { spec: { replicas: 2 } });
    await stage.settled(2);
    await stage.patch(statefulsets, 'web', template);
    await stage.settled(2, ({ status }) => status?.updateRevision === status?.currentRevision);
    await stage.delete(statefulsets, 'web');
    await stage.gone(pods, 'web-0');
  },
  'expand-online': async (stage) => {
    await stage.claim();
    await stage.bound();
    await stage.pod('p1');
    await stage.running('p1');
    await stage.grow('2Mi');
    await stage.told('FileSystemResizeRequired');
    await stage.is(claims, 'c1', ({ status }) => status?.capacity?.['storage'] === '2Mi');
    await stage.delete(pods, 'p1');
  },
  'two-pods-one-claim': async (stage) => {
    await stage.claim();
    await stage.bound();
    for (const pod of ['p1', 'p2']) {
      await stage.pod(pod);
      await stage.running(pod);
    }
    for (const pod of ['p1', 'p2']) await stage.delete(pods, pod);
  },
  ephemeral: async (stage) => {
    const spec = {
      accessModes: ['ReadWriteOnce'],
      resources: { requests: { storage: '1Mi' } },
      storageClassName: 'wffc',
    };
    await stage.pod('p1', { volumes: [{ name: 'd', ephemeral: { volumeClaimTemplate: { metadata: {}, spec } } }] });
    await stage.running('p1');
    await stage.delete(pods, 'p1');
    await stage.volumeGone();
  },
  'sts-retention-scaled': async (stage) => {
    const persistentVolumeClaimRetentionPolicy = { whenScaled: 'Delete', whenDeleted: 'Retain' };
    await stage.set({ replicas: 2, podManagementPolicy: 'Parallel', persistentVolumeClaimRetentionPolicy });
    await stage.settled(2);
    await stage.patch(statefulsets, 'web', { spec: { replicas: 1 } });
    await stage.settled(1);
    await stage.gone(claims, 'www-web-1');
    await stage.delete(statefulsets, 'web');
    await stage.gone(pods, 'web-0');
  },
  'sts-ondelete': async (stage) => {
    await stage.set({ replicas: 2, podManagementPolicy: 'Parallel', updateStrategy: { type: 'OnDelete' } });
    await stage.settled(2);
    await stage.patch(statefulsets, 'web', template);
    await stage.settled(2, ({ status }) => status?.updateRevision !== status?.currentRevision);
    await stage.delete(pods, 'web-0');
    await stage.settled(2, ({ status }) => status?.updatedReplicas === 1);
    await stage.delete(statefulsets, 'web');
    await stage.gone(pods, 'web-1');
  },
  subpath: async (stage) => {
    await stage.claim();
    await stage.bound();
    await expect(stage.pod('p1', podSpec({ subPath: '../x' }))).rejects.toThrow(ApiError);
    await stage.pod('p2', podSpec({ subPath: 'new/dir' }));
    await stage.running('p2');
    const command = ['/bin/busybox', 'ln', '-s', '/etc', '/data/evil'];
    await stage.pod('p3', {
      ...podSpec({ subPath: 'evil' }),
      initContainers: [{ ...container('d'), name: 'evil', command }],
    });
    await stage.told('Failed');
    for (const pod of ['p2', 'p3']) await stage.delete(pods, pod);
  },
  'missing-secret': async (stage) => {
    const { namespace } = stage;
    const mounted = [
      { name: 's', secret: { secretName: 'nope' } },
      { name: 'm', configMap: { name: 'nopecm' } },
    ];
    const volumeMounts = [
      { name: 's', mountPath: '/s' },
      { name: 'm', mountPath: '/m' },
    ];
    await stage.pod('p1', { containers: [{ ...container('s'), volumeMounts }], volumes: mounted });
    await stage.told('FailedMount');
    await stage.client.create(resources.secrets, { metadata: { name: 'nope', namespace }, data: {} });
    await stage.client.create(resources.configmaps, { metadata: { name: 'nopecm', namespace }, data: {} });
    await stage.running('p1');
    await stage.delete(pods, 'p1');
  },
  attach: async (stage) => {
    await stage.claim();
    await stage.bound();
    await stage.pod('p1');
    await stage.running('p1');
    await stage.delete(pods, 'p1');
    await stage.detached();
    await stage.delete(claims, 'c1');
    await stage.volumeGone();
  },
};
