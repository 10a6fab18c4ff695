import { isNotFound, isReason, type KubeClient, resources, type Service, type ServiceSpec } from '@berth/kube';
import { expect, test } from 'vitest';
import { StoreError } from '../../store/store-error.ts';
import { aServer } from '../server.test-harness.ts';
import { defaultServices } from '../service-ips/default-services.ts';

const at = (name: string) => ({ name, namespace: 'default' });

function servicesOf(client: KubeClient) {
  const refusal = (error: unknown) => {
    if (isReason(error, 'Invalid', 'AlreadyExists', 'InternalError')) return error.status.message ?? '';
    throw error;
  };
  return {
    create: (name: string, spec: object = {}, options = {}) =>
      client
        .create(
          resources.services,
          { metadata: at(name), spec: { ports: [{ port: 80 }], ...spec } } as Service,
          options,
        )
        .then(({ spec: made }) => made?.clusterIP ?? '', refusal),
    patch: (name: string, spec: object, options = {}) =>
      client
        .patch(resources.services, at(name), { type: 'merge', patch: { spec } }, options)
        .then(({ spec: made }) => made as ServiceSpec, refusal),
    remove: (name: string) => client.delete(resources.services, at(name)),
    range: (name: string, ...cidrs: string[]) =>
      client.create(resources.servicecidrs, { metadata: { name }, spec: { cidrs } }),
    /** Whose each address is. */
    addresses: async () => {
      const { items } = await client.list(resources.ipaddresses);
      return Object.fromEntries(
        items.map(({ metadata, spec }) => [metadata.name, `${spec?.parentRef?.namespace}/${spec?.parentRef?.name}`]),
      );
    },
  };
}

test('every cluster has a ServiceCIDR and the address of the kubernetes Service as objects, as kube-apiserver makes them', async () => {
  await using server = await aServer();
  const range = await server.client.get(resources.servicecidrs, { name: 'kubernetes' });
  expect(range.spec).toEqual({ cidrs: ['10.96.0.0/16'] });
  const address = await server.client.get(resources.ipaddresses, { name: '10.96.0.1' });
  expect(address.metadata.labels).toEqual({
    'ipaddress.kubernetes.io/ip-family': 'IPv4',
    'ipaddress.kubernetes.io/managed-by': 'ipallocator.k8s.io',
  });
  expect(address.spec).toEqual({ parentRef: { resource: 'services', namespace: 'default', name: 'kubernetes' } });
});

test('a service has its address as an object as long as it has it, and what it asked for in vain is nobody’s', async () => {
  await using server = await aServer();
  const { create, patch, remove, addresses } = servicesOf(server.client);
  const kubernetes = { '10.96.0.1': 'default/kubernetes' };
  const any = await create('any');
  await create('asked', { clusterIP: '10.96.0.7' });
  expect(await addresses()).toEqual({ ...kubernetes, [any]: 'default/any', '10.96.0.7': 'default/asked' });

  expect(await create('asked', { clusterIP: '10.96.0.8' })).toBe('services "asked" already exists');
  expect(await create('asked')).toBe('services "asked" already exists');
  expect(await create('wrong', { clusterIP: '10.96.0.8', ports: [] })).toMatch(/spec.ports: Required value$/);
  expect(await create('late', { clusterIP: '10.96.0.7' })).toMatch(/10.96.0.7: provided IP is already allocated$/);
  await create('tried', { clusterIP: '10.96.0.8' }, { dryRun: 'All' });
  await create('headless', { clusterIP: 'None' });
  await create('outside', { type: 'ExternalName', externalName: 'example.com' });
  await patch('any', { clusterIP: '10.96.0.8' });
  expect(await addresses()).toEqual({ ...kubernetes, [any]: 'default/any', '10.96.0.7': 'default/asked' });

  const outside = { type: 'ExternalName', externalName: 'example.com', clusterIP: null, clusterIPs: null };
  await patch('asked', outside, { dryRun: 'All' });
  expect(await addresses()).toHaveProperty(['10.96.0.7']);
  await patch('asked', outside);
  const inside = { type: 'ClusterIP', externalName: null, clusterIP: '10.96.0.9' };
  await patch('outside', { ...inside, ports: [{ port: -1 }] });
  await patch('outside', inside, { dryRun: 'All' });
  expect(await addresses()).toEqual({ ...kubernetes, [any]: 'default/any' });
  await patch('outside', inside);
  expect(await addresses()).toEqual({ ...kubernetes, [any]: 'default/any', '10.96.0.9': 'default/outside' });
  expect(await create('next', { clusterIP: '10.96.0.7' })).toBe('10.96.0.7');

  for (const name of ['any', 'next', 'headless', 'outside', 'asked']) await remove(name);
  expect(await addresses()).toEqual(kubernetes);
});

test('a service that finalizers hold keeps its address until they are gone', async () => {
  await using server = await aServer();
  const { client } = server;
  const { addresses } = servicesOf(client);
  const metadata = { ...at('held'), finalizers: ['example.com/hold'] };
  const spec = { clusterIP: '10.96.0.7', ports: [{ port: 80 }] };
  await client.create(resources.services, { metadata, spec } as Service);
  await client.delete(resources.services, at('held'));
  expect(await addresses()).toHaveProperty(['10.96.0.7']);
  await client.patch(resources.services, at('held'), { type: 'merge', patch: { metadata: { finalizers: null } } });
  expect(await addresses()).not.toHaveProperty(['10.96.0.7']);
  await expect(client.get(resources.services, at('held'))).rejects.toSatisfy(isNotFound);
});

test('an address that somebody else has is given to no service', async () => {
  await using server = await aServer({ services: { ...defaultServices, cidrs: ['10.96.0.0/29'] } });
  const { create } = servicesOf(server.client);
  const parentRef = { group: 'example.com', resource: 'gateways', namespace: 'x', name: 'g' };
  await server.client.create(resources.ipaddresses, { metadata: { name: '10.96.0.3' }, spec: { parentRef } });
  expect(await create('asked', { clusterIP: '10.96.0.3' })).toMatch(/provided IP is already allocated$/);
  const given = [await create('a'), await create('b'), await create('c'), await create('d')];
  expect(given.toSorted()).toEqual(['10.96.0.2', '10.96.0.4', '10.96.0.5', '10.96.0.6']);
  expect(await create('e')).toBe(
    'Internal error occurred: failed to allocate a serviceIP for Service "e": range is full',
  );
});

test('more ServiceCIDRs are more addresses, at once; those that go or are not ready give none', async () => {
  await using server = await aServer({ services: { ...defaultServices, cidrs: ['10.96.0.0/30'] } });
  const { client } = server;
  const { create, range, addresses } = servicesOf(client);
  expect(await create('a')).toBe('10.96.0.2');
  expect(await create('b')).toMatch(/range is full$/);
  const outside = /10.200.0.2: the provided network does not match the current range$/;
  expect(await create('b', { clusterIP: '10.200.0.2' })).toMatch(outside);
  await range('more', '10.200.0.0/30', '2001:db8::/64');
  expect(await create('b', { clusterIP: '10.200.0.2' })).toBe('10.200.0.2');
  expect(await create('c')).toBe('10.200.0.1');
  expect(await create('d', { clusterIP: '2001:db8::5' })).toMatch(/IPv6 is not configured on this cluster$/);
  expect(await create('tried', { clusterIP: '10.201.0.1' }, { dryRun: 'All' })).toMatch(
    /10.201.0.1: the provided IP \(10.201.0.1\) is not in the valid range. The range of valid IPs is 10.96.0.0\/30$/,
  );

  await range('third', '10.201.0.0/30');
  const hold = { metadata: { finalizers: ['example.com/hold'] } };
  await client.patch(resources.servicecidrs, { name: 'third' }, { type: 'merge', patch: hold });
  await client.delete(resources.servicecidrs, { name: 'third' });
  expect(await create('d')).toMatch(/range is full$/);
  await range('fourth', '10.202.0.0/30');
  const conditions = [{ type: 'Ready', status: 'False', reason: 'x', message: '', lastTransitionTime: now }];
  const unready = { type: 'merge', patch: { status: { conditions } } } as const;
  await client.patch(resources.servicecidrs, { name: 'fourth' }, unready, { subresource: 'status' });
  expect(await create('d', { clusterIP: '10.202.0.1' })).toMatch(/does not match the current range$/);
  expect(Object.keys(await addresses())).toEqual(['10.200.0.1', '10.200.0.2', '10.96.0.1', '10.96.0.2']);
});

const now = '2026-01-01T00:00:00Z';

test('addresses that nobody asks for are of the upper part of a range as long as there are any', async () => {
  await using server = await aServer({ services: { ...defaultServices, cidrs: ['10.96.0.0/27'] } });
  const { create } = servicesOf(server.client);
  const upper: string[] = [];
  for (let i = 0; i < 14; i++) upper.push(await create(`s${i}`));
  const last = (address: string) => Number(address.split('.')[3]);
  expect(upper.map(last).toSorted((a, b) => a - b)).toEqual(Array.from({ length: 14 }, (_, i) => 17 + i));
  expect(last(await create('one-more'))).toBeLessThan(17);
});

test.each([
  ['is certainly not written is nobody’s again', 'Unavailable', undefined],
  ['may have been written keeps its address, of which the repair decides', 'Uncertain', 'default/a'],
] as const)('a service that %s', async (_what, code, holder) => {
  await using server = await aServer();
  const { client, store } = server;
  const { addresses } = servicesOf(client);
  const write = store.write.bind(store);
  store.write = (request) =>
    request.key === '/registry/services/default/a' ? Promise.reject(new StoreError(code, 'cut')) : write(request);
  const service = { metadata: at('a'), spec: { clusterIP: '10.96.0.7', ports: [{ port: 80 }] } } as Service;
  await expect(client.create(resources.services, service)).rejects.toThrow('cut');
  expect((await addresses())['10.96.0.7']).toBe(holder);
});
