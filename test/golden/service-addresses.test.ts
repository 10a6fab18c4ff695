import { FakeClock, systemClock } from '@berth/kit';
import { KubeClient, resources, type Service } from '@berth/kube';
import { expect, test } from 'vitest';
import { MemoryStore } from '../../orchestrator/src/index.ts';
import { anApiServer } from '../harness/api-server.ts';

// Objects and words are those of kube-apiserver 1.36.3.

const at = (name: string) => ({ name, namespace: 'default' });
const networking = '/apis/networking.k8s.io/v1';
const labels = {
  'ipaddress.kubernetes.io/ip-family': 'IPv4',
  'ipaddress.kubernetes.io/managed-by': 'ipallocator.k8s.io',
};

/** A server that serves, on a clock that goes when it is told to. */
async function scene(store = new MemoryStore({ clock: systemClock })) {
  const clock = new FakeClock();
  const running = await anApiServer({ clock, more: { store, advertiseAddress: '192.0.2.7' } });
  const client = new KubeClient(running.server.transport());
  return {
    ...running,
    clock,
    store,
    client,
    get: async (path: string, accept?: string) =>
      JSON.parse((await running.send({ method: 'GET', path, accept })).text),
    service: (name: string, spec: object = {}) =>
      client.create(resources.services, { metadata: at(name), spec: { ports: [{ port: 80 }], ...spec } } as Service),
    address: (name: string, parentRef: object, more: object = labels) =>
      client.create(resources.ipaddresses, { metadata: { name, labels: { ...more } }, spec: { parentRef } } as never),
    holder: async (name: string) => (await client.find(resources.ipaddresses, { name }))?.spec?.parentRef,
    events: async () => {
      // An event gives way to what it tells of.
      await clock.advance(5);
      const { items } = await client.list(resources.eventsV1Events);
      return items.map(({ regarding, action, reason, note }) => [regarding?.kind, action, `${reason}: ${note}`].filter(Boolean).join(' '));
    },
  };
}

test('the default ServiceCIDR and the addresses of Services are what kube-apiserver makes', async () => {
  await using s = await scene();
  const range = () => s.get(`${networking}/servicecidrs/kubernetes`);
  await expect.poll(async () => (await range()).status.conditions).toBeDefined();
  const { metadata, spec, status } = await range();
  expect({ spec, status }).toEqual({
    spec: { cidrs: ['10.96.0.0/16'] },
    status: {
      conditions: [
        {
          type: 'Ready',
          status: 'True',
          lastTransitionTime: expect.any(String),
          reason: '',
          message: 'Kubernetes default Service CIDR is ready',
        },
      ],
    },
  });
  expect(metadata.managedFields).toMatchObject([
    {
      manager: 'kubernetes-service-cidr-controller',
      operation: 'Apply',
      subresource: 'status',
      fieldsV1: {
        'f:status': {
          'f:conditions': {
            'k:{"type":"Ready"}': {
              '.': {},
              'f:lastTransitionTime': {},
              'f:message': {},
              'f:status': {},
              'f:type': {},
            },
          },
        },
      },
    },
    { manager: 'kube-apiserver', operation: 'Update', fieldsV1: { 'f:spec': { 'f:cidrs': {} } } },
  ]);
  const address = await s.get(`${networking}/ipaddresses/10.96.0.1`);
  expect(address.spec).toEqual({ parentRef: { resource: 'services', namespace: 'default', name: 'kubernetes' } });
  expect(address.metadata).toMatchObject({
    labels,
    managedFields: [
      {
        manager: 'kube-apiserver',
        operation: 'Update',
        apiVersion: 'networking.k8s.io/v1',
        fieldsV1: {
          'f:metadata': {
            'f:labels': {
              '.': {},
              'f:ipaddress.kubernetes.io/ip-family': {},
              'f:ipaddress.kubernetes.io/managed-by': {},
            },
          },
          'f:spec': { 'f:parentRef': { '.': {}, 'f:name': {}, 'f:namespace': {}, 'f:resource': {} } },
        },
      },
    ],
  });
  const table = 'application/json;as=Table;v=v1;g=meta.k8s.io';
  const cells = async (plural: string) =>
    (await s.get(`${networking}/${plural}`, table)).rows.map((row: { cells: string[] }) => row.cells);
  // Upstream's printer tells an age that it has no column for.
  expect(await cells('ipaddresses')).toEqual([['10.96.0.1', 'services/default/kubernetes', expect.any(String)]]);
  expect(await cells('servicecidrs')).toEqual([['kubernetes', '10.96.0.0/16', expect.any(String)]]);
});

test('the default ServiceCIDR that somebody deletes is there again, and is told of where it is another', async () => {
  await using s = await scene();
  const range = () => s.client.find(resources.servicecidrs, { name: 'kubernetes' });
  const isReady = async () => (await range())?.status?.conditions?.[0]?.status;
  await expect.poll(isReady).toBe('True');
  await s.client.delete(resources.servicecidrs, { name: 'kubernetes' });
  const later = async <T>(look: () => Promise<T>) => {
    await s.clock.advance(10_000);
    return await look();
  };
  await expect.poll(() => later(isReady)).toBe('True');
  await s.client.delete(resources.servicecidrs, { name: 'kubernetes' });
  await s.client.create(resources.servicecidrs, { metadata: { name: 'kubernetes' }, spec: { cidrs: ['10.1.0.0/16'] } });
  await expect
    .poll(() => later(s.events))
    .toContain(
      'ServiceCIDR KubernetesDefaultServiceCIDRInconsistent: ' +
        'The default ServiceCIDR [10.1.0.0/16] does not match the controller flag configurations [10.96.0.0/16]',
    );
  expect(await isReady()).toBeUndefined();
});

test('Services of a store of before have their addresses as objects soon after the start', async () => {
  const store = new MemoryStore({ clock: systemClock });
  {
    await using before = await scene(store);
    await before.service('a', { clusterIP: '10.96.0.7' });
    await before.service('b', { clusterIP: '10.96.0.8' });
  }
  for (const address of ['10.96.0.7', '10.96.0.1']) await store.write({ key: `/registry/ipaddresses/${address}` });
  await using s = await scene(store);
  // Not even for a moment is it anyone else's.
  await expect(s.service('c', { clusterIP: '10.96.0.7' })).rejects.toThrow('provided IP is already allocated');
  await expect.poll(() => s.holder('10.96.0.7')).toEqual({ resource: 'services', ...at('a') });
  await expect.poll(() => s.holder('10.96.0.1')).toEqual({ resource: 'services', ...at('kubernetes') });
  await expect
    .poll(s.events)
    .toContain(
      'Service ClusterIPAllocation ClusterIPNotAllocated: Cluster IP [IPv4]: 10.96.0.7 is not allocated; repairing',
    );
  expect((await s.events()).filter((each) => each.includes('10.96.0.8'))).toEqual([]);
});

test('a server that was killed before its first Service was written starts again', async () => {
  const store = new MemoryStore({ clock: systemClock });
  {
    await using before = await scene(store);
    await expect.poll(() => before.holder('10.96.0.1')).toBeDefined();
  }
  await store.write({ key: '/registry/services/default/kubernetes' });
  await using s = await scene(store);
  expect((await s.client.get(resources.services, at('kubernetes'))).spec?.clusterIP).toBe('10.96.0.1');
  expect(await s.holder('10.96.0.1')).toEqual({ resource: 'services', ...at('kubernetes') });
});

test('a server whose own address somebody took serves all else, and has it as soon as it is free', async () => {
  const store = new MemoryStore({ clock: systemClock });
  {
    await using before = await scene(store);
    await before.client.delete(resources.services, at('kubernetes'));
    await before.address('10.96.0.1', { group: 'example.com', resource: 'gateways', namespace: 'x', name: 'g' }, {});
  }
  await using s = await scene(store);
  const find = () => s.client.find(resources.services, at('kubernetes'));
  expect(await find()).toBeUndefined();
  await s.service('a');
  await s.client.delete(resources.ipaddresses, { name: '10.96.0.1' });
  const later = () => s.clock.advance(10_000).then(find);
  await expect.poll(later).toMatchObject({ spec: { clusterIP: '10.96.0.1', ports: [{ targetPort: expect.any(Number) }] } });
});

test('an address that was deleted, or says that it is another’s, is the Service’s again', async () => {
  await using s = await scene();
  await s.service('a', { clusterIP: '10.96.0.7' });
  await s.service('b', { clusterIP: '10.96.0.8' });
  await s.client.delete(resources.ipaddresses, { name: '10.96.0.7' });
  await expect.poll(() => s.holder('10.96.0.7')).toEqual({ resource: 'services', ...at('a') });
  const mine = { metadata: { labels: { 'ipaddress.kubernetes.io/managed-by': 'me' } } };
  await s.client.patch(resources.ipaddresses, { name: '10.96.0.8' }, { type: 'merge', patch: mine });
  const touch = { metadata: { labels: { touched: 'yes' } } };
  await s.client.patch(resources.services, at('b'), { type: 'merge', patch: touch });
  await expect
    .poll(async () => (await s.client.find(resources.ipaddresses, { name: '10.96.0.8' }))?.metadata.labels)
    .toEqual(labels);
});

test('addresses of the allocator that no Service has are removed, once none can be on its way', async () => {
  await using s = await scene();
  await s.service('a', { clusterIP: '10.96.0.7' });
  await s.service('outside', { type: 'ExternalName', externalName: 'example.com' });
  const gateway = { group: 'example.com', resource: 'gateways', namespace: 'x', name: 'g' };
  await s.address('10.96.0.20', gateway, {});
  await s.address('10.96.0.21', gateway);
  await s.address('10.96.0.22', { resource: 'services', ...at('nobody') });
  await s.address('10.96.0.23', { resource: 'services', ...at('outside') });
  await s.clock.advance(1000);
  await s.address('10.96.0.24', { resource: 'services', ...at('a') });
  await expect.poll(() => s.holder('10.96.0.21')).toBeUndefined();
  for (const kept of ['10.96.0.22', '10.96.0.23', '10.96.0.24']) expect(await s.holder(kept)).toBeDefined();
  await s.clock.advance(6000);
  await expect.poll(() => s.holder('10.96.0.24')).toBeUndefined();
  for (const kept of ['10.96.0.22', '10.96.0.23']) expect(await s.holder(kept)).toBeDefined();
  await s.clock.advance(60_000);
  await expect.poll(() => s.holder('10.96.0.22')).toBeUndefined();
  await expect.poll(() => s.holder('10.96.0.23')).toBeUndefined();
  expect(await s.holder('10.96.0.20')).toEqual(gateway);
  expect(await s.holder('10.96.0.7')).toBeDefined();
  const told = (await s.events()).filter((each) => each.startsWith('IPAddress ')).toSorted();
  expect(told).toEqual([
    'IPAddress IPAddressAllocation IPAddressNotAllocated: IPAddress 10.96.0.21 appears to have been modified, not referencing ' +
      'a Service &ParentReference{Group:example.com,Resource:gateways,Namespace:x,Name:g,}: cleaning up',
    'IPAddress IPAddressAllocation IPAddressNotAllocated: IPAddress: 10.96.0.22 for Service default/nobody appears to have leaked: cleaning up',
    'IPAddress IPAddressAllocation IPAddressWrongReference: IPAddress: 10.96.0.23 for Service default/outside has a wrong reference; cleaning up',
    'IPAddress IPAddressAllocation IPAddressWrongReference: IPAddress: 10.96.0.24 for Service default/a has a wrong reference; cleaning up',
  ]);
});

test('a Service whose addresses are of no range, or of another Service, is told so', async () => {
  const store = new MemoryStore({ clock: systemClock });
  {
    await using before = await scene(store);
    await before.service('a', { clusterIP: '10.96.0.7' });
  }
  const { items } = await store.range({ prefix: '/registry/services/default/a' });
  const text = new TextDecoder().decode(items[0]?.value);
  const write = async (name: string, address: string) => {
    const named = text.replaceAll('10.96.0.7', address).replace('"name":"a"', `"name":"${name}"`);
    const value = new TextEncoder().encode(named.replace(/"uid":"./, '"uid":"x'));
    await store.write({ key: `/registry/services/default/${name}`, value });
  };
  await write('twice', '10.96.0.7');
  await write('far', '10.1.0.7');
  await using s = await scene(store);
  await expect.poll(async () => (await s.events()).toSorted()).toEqual([
    'Service ClusterIPAllocation ClusterIPAlreadyAllocated: Cluster IP [IPv4]:10.96.0.7 was assigned to multiple services; please recreate service',
    'Service ClusterIPAllocation ClusterIPOutOfRange: Cluster IP [IPv4]: 10.1.0.7 is not within any configured Service CIDR; please recreate service',
  ]);
  expect(await s.holder('10.96.0.7')).toEqual({ resource: 'services', ...at('a') });
});

test('addresses and ports of services are counted as they are given out, refused and in use', async () => {
  await using s = await scene();
  const values = async () => {
    const { text } = await s.send({ method: 'GET', path: '/metrics' });
    return Object.fromEntries([...text.matchAll(/^(kube_apiserver_(?:clusterip|nodeport)_\w+?)(?:_total|_ips|_ports)?(?:\{(?:cidr="[^"]*")?,?(?:scope="(\w+)")?\})? (\d+)$/gm)].map(([, name = '', scope = '', value]) => [
      `${name.replace('kube_apiserver_', '').replace('_allocator', '')}${scope && ` ${scope}`}`,
      Number(value),
    ]));
  };
  const before = await values();
  const grown = async (...names: string[]) => {
    const now = await values();
    return names.map((name) => (now[name] ?? 0) - (before[name] ?? 0));
  };
  await s.service('any', { type: 'NodePort' });
  const [address, port] = ['10.96.77.7', 31_234];
  await s.service('this', { type: 'NodePort', clusterIP: address, ports: [{ port: 80, nodePort: port }] });
  await expect(s.service('again', { clusterIP: address })).rejects.toThrow('already allocated');
  await expect(s.service('again', { type: 'NodePort', ports: [{ port: 80, nodePort: port }] })).rejects.toThrow('already allocated');
  await expect(s.service('again', { type: 'NodePort', ports: [{ port: 80, nodePort: 80 }] })).rejects.toThrow('not in the valid range');
  // The refused services of a node port had an address, which they gave back.
  expect(await grown('clusterip_allocation dynamic', 'clusterip_allocation static', 'clusterip_allocation_errors static')).toEqual([3, 1, 1]);
  expect(await grown('nodeport_allocation dynamic', 'nodeport_allocation static', 'nodeport_allocation_errors static')).toEqual([1, 1, 2]);
  expect(await grown('clusterip_allocation_duration_seconds_count')).toEqual([4]);
  await expect.poll(() => grown('clusterip_allocated', 'clusterip_available', 'nodeport_allocated', 'nodeport_available')).toEqual([2, -2, 2, -2]);
});

test('the API server’s own Service says whose its fields are as upstream’s does', async () => {
  await using s = await scene();
  const { metadata } = await s.get('/api/v1/namespaces/default/services/kubernetes');
  const port = { '.': {}, 'f:name': {}, 'f:port': {}, 'f:protocol': {}, 'f:targetPort': {} };
  const spec = { 'f:clusterIP': {}, 'f:internalTrafficPolicy': {}, 'f:ipFamilyPolicy': {}, 'f:sessionAffinity': {}, 'f:type': {} };
  expect(metadata.managedFields).toMatchObject([{ manager: 'kube-apiserver', operation: 'Update', apiVersion: 'v1' }]);
  expect(metadata.managedFields[0].fieldsV1).toEqual({
    'f:metadata': { 'f:labels': { '.': {}, 'f:component': {}, 'f:provider': {} } },
    'f:spec': { ...spec, 'f:ports': { '.': {}, 'k:{"port":443,"protocol":"TCP"}': port } },
  });
});
