import { FakeClock, settle, silentLogger } from '@berth/kit';
import { KubeClient, resources, startInformers } from '@berth/kube';
import { expect, test } from 'vitest';
import { FakeApi } from '../../../test/harness/fake-api.ts';
import { setStatus } from '../../../test/harness/scheduler-scene.ts';
import { aClaim } from '../../../test/harness/storage-builders.ts';
import { MetricRegistry } from '../metrics/metric-registry.ts';
import { countEndpointSlices } from './endpoints/count-endpoint-slices.ts';
import { ObjectCounts } from './object-counts.ts';
import { countVolumes } from './volume/count-volumes.ts';

test('claims, volumes and attachments are counted as they are when somebody asks', async () => {
  const clock = new FakeClock();
  const client = new KubeClient(new FakeApi({ clock }));
  const stop = new AbortController();
  await using informers = startInformers(client, { clock, log: silentLogger }, stop.signal);
  const registry = new MetricRegistry();
  const counts = new ObjectCounts(registry);
  countVolumes(counts);
  expect(await registry.text()).toBe('');
  const volume = async (name: string, phase: string, more: object) => {
    const spec = { storageClassName: 'fast', ...more };
    await client.create(resources.persistentvolumes, { metadata: { name }, spec });
    await setStatus(client, resources.persistentvolumes, name, { phase });
  };
  const csi = { csi: { driver: 'csi.example.com', volumeHandle: 'h' } };
  await volume('a', 'Bound', csi);
  await volume('b', 'Bound', { ...csi, volumeMode: 'Block' });
  await volume('c', 'Available', { local: { path: '/l' } });
  const claim = aClaim('a', { storageClassName: 'fast', volumeAttributesClassName: 'gold' }, 'default');
  await client.create(resources.persistentvolumeclaims, claim);
  await setStatus(client, resources.persistentvolumeclaims, 'a', { phase: 'Bound' });
  await client.create(resources.persistentvolumeclaims, aClaim('b', {}, 'default'));
  for (const name of ['attached', 'wanted']) {
    const spec = { attacher: 'csi.example.com', nodeName: 'n', source: { persistentVolumeName: 'a' } };
    await client.create(resources.volumeattachments, { metadata: { name }, spec });
  }
  await setStatus(client, resources.volumeattachments, 'attached', { attached: true });
  counts.follow(informers);
  await registry.text();
  await informers.whenSynced(stop.signal);
  await settle();
  const lines = (await registry.text()).split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  expect(lines).toEqual([
    'attachdetach_controller_total_volumes{plugin_name="kubernetes.io/csi:csi.example.com",state="actual_state_of_world"} 1',
    'attachdetach_controller_total_volumes{plugin_name="kubernetes.io/csi:csi.example.com",state="desired_state_of_world"} 2',
    'pv_collector_bound_pv_count{storage_class="fast"} 2',
    'pv_collector_bound_pvc_count{namespace="default",storage_class="fast",volume_attributes_class="gold"} 1',
    'pv_collector_total_pv_count{plugin_name="kubernetes.io/csi:csi.example.com",volume_mode="Filesystem"} 1',
    'pv_collector_total_pv_count{plugin_name="kubernetes.io/csi:csi.example.com",volume_mode="Block"} 1',
    'pv_collector_total_pv_count{plugin_name="kubernetes.io/local-volume",volume_mode="Filesystem"} 1',
    'pv_collector_unbound_pv_count{storage_class="fast"} 1',
    'pv_collector_unbound_pvc_count{namespace="default",storage_class="csi-hostpath-sc",volume_attributes_class=""} 1',
  ]);
  stop.abort();
});

test('slices of services with selectors are counted with their endpoints, none where there is none', async () => {
  const clock = new FakeClock();
  const client = new KubeClient(new FakeApi({ clock }));
  const stop = new AbortController();
  await using informers = startInformers(client, { clock, log: silentLogger }, stop.signal);
  const registry = new MetricRegistry();
  const counts = new ObjectCounts(registry);
  countEndpointSlices(counts);
  counts.follow(informers);
  const told = async () => {
    const lines = (await registry.text()).split('\n').filter((line) => line !== '' && !line.startsWith('#'));
    return Object.fromEntries(
      lines.map((line) => line.replace('endpoint_slice_controller_', '').split(' ') as [string, string]),
    );
  };
  expect(await told()).toEqual({ desired_endpoint_slices: '0', endpoints_desired: '0', num_endpoint_slices: '0' });
  const slice = async (name: string, manager: string, addresses: readonly string[]) => {
    const labels = { 'endpointslice.kubernetes.io/managed-by': manager };
    const endpoints = addresses.map((address) => ({ addresses: [address] }));
    await client.create(resources.endpointslices, {
      metadata: { name, namespace: 'a', labels },
      addressType: 'IPv4',
      endpoints,
    });
  };
  await slice('own', 'endpointslice-controller.k8s.io', ['10.0.0.1', '10.0.0.2']);
  await slice('empty', 'endpointslice-controller.k8s.io', []);
  await slice('other', 'somebody', ['10.0.0.3']);
  const spec = { selector: { app: 'x' }, trafficDistribution: 'PreferClose' };
  await client.create(resources.services, { metadata: { name: 's', namespace: 'a' }, spec });
  await informers.whenSynced(stop.signal);
  await settle();
  expect(await told()).toEqual({
    desired_endpoint_slices: '2',
    endpoints_desired: '2',
    num_endpoint_slices: '2',
    'services_count_by_traffic_distribution{traffic_distribution="PreferClose"}': '1',
  });
  stop.abort();
});
