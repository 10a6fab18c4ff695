import { type EndpointSlice, type Endpoints, resources, type Service } from '@berth/kube';
import { expect, test } from 'vitest';
import { withController } from '../controller.test-harness.ts';
import { startEndpointSliceMirroring } from './endpoint-slice-mirroring-controller.ts';
import { mirroredSlices } from './mirrored-slices.ts';

const ref = { namespace: 'default', name: 's' };
const http = { name: 'http', port: 80, protocol: 'TCP' };
const at = (...ips: string[]) => ips.map((ip) => ({ ip }));

async function scene() {
  const running = await withController(startEndpointSliceMirroring);
  const { client, until } = running;
  const slices = async (): Promise<EndpointSlice[]> => {
    const { items } = await client.list<EndpointSlice>(resources.endpointslices, { namespace: 'default' });
    return items.filter(({ metadata }) => metadata.labels?.['kubernetes.io/service-name'] === 's');
  };
  return {
    ...running,
    slices,
    service: (selector?: Record<string, string>) =>
      client.create(resources.services, {
        metadata: ref,
        spec: { ports: [{ port: 80 }], ...(selector ? { selector } : {}) },
      } as Service),
    endpoints: (subsets: object[], metadata: object = {}) =>
      client.create(resources.endpoints, { metadata: { ...ref, ...metadata }, subsets } as Endpoints),
    change: (patch: object) => client.patch(resources.endpoints, ref, { type: 'merge', patch }),
    /** All addresses of the slices, once they are these. */
    are: (...ips: string[]) =>
      until(async () => {
        const all = (await slices())
          .flatMap(({ endpoints }) => endpoints ?? [])
          .flatMap(({ addresses }) => addresses ?? []);
        return all.toSorted().join() === ips.toSorted().join();
      }),
  };
}

test('Endpoints that somebody wrote for a service without a selector are a slice, with their labels and annotations', async () => {
  await using s = await scene();
  await s.service();
  await s.endpoints([{ addresses: at('10.0.0.1'), notReadyAddresses: at('10.0.0.2'), ports: [http] }], {
    labels: { team: 'x' },
    annotations: { note: 'y', 'kubectl.kubernetes.io/last-applied-configuration': '{}' },
  });
  await s.are('10.0.0.1', '10.0.0.2');
  const [slice] = await s.slices();
  const { uid } = (await s.client.get(resources.endpoints, ref)).metadata;
  expect(slice?.metadata).toMatchObject({
    generateName: 's-',
    labels: {
      team: 'x',
      'kubernetes.io/service-name': 's',
      'endpointslice.kubernetes.io/managed-by': 'endpointslicemirroring-controller.k8s.io',
    },
    ownerReferences: [
      { apiVersion: 'v1', kind: 'Endpoints', name: 's', uid, controller: true, blockOwnerDeletion: true },
    ],
  });
  expect(slice?.metadata.annotations).toEqual({ note: 'y' });
  expect(slice).toMatchObject({
    addressType: 'IPv4',
    ports: [http],
    endpoints: [
      { addresses: ['10.0.0.1'], conditions: { ready: true } },
      { addresses: ['10.0.0.2'], conditions: { ready: false } },
    ],
  });
});

test('a slice follows its Endpoints, is made anew where somebody changes or deletes it, and goes with them', async () => {
  await using s = await scene();
  await s.endpoints([{ addresses: at('10.0.0.1'), ports: [http] }]);
  await s.service();
  await s.are('10.0.0.1');
  const [first] = await s.slices();
  await s.change({ subsets: [{ addresses: at('10.0.0.3'), ports: [{ ...http, port: 81 }] }] });
  await s.are('10.0.0.3');
  const [second] = await s.slices();
  expect(second?.metadata.uid).toBe(first?.metadata.uid);
  expect(second?.ports).toEqual([{ ...http, port: 81 }]);

  const name = first?.metadata.name ?? '';
  const wrong = { endpoints: [{ addresses: ['10.0.0.9'] }] };
  await s.client.patch(resources.endpointslices, { namespace: 'default', name }, { type: 'merge', patch: wrong });
  await s.are('10.0.0.3');
  await s.client.delete(resources.endpointslices, { namespace: 'default', name });
  await s.are('10.0.0.3');

  await s.change({ subsets: [{ addresses: at('10.0.0.3', 'fd00::1'), ports: [http] }] });
  await s.are('10.0.0.3', 'fd00::1');
  expect((await s.slices()).map(({ addressType }) => addressType).toSorted()).toEqual(['IPv4', 'IPv6']);
  await s.client.delete(resources.endpoints, ref);
  await s.are();
  expect(await s.slices()).toEqual([]);
});

test.each([
  ['a service with a selector', { app: 'x' }, {}],
  ['Endpoints that say so', undefined, { labels: { 'endpointslice.kubernetes.io/skip-mirror': 'true' } }],
  ['Endpoints of an election', undefined, { annotations: { 'control-plane.alpha.kubernetes.io/leader': '{}' } }],
])('%s have no mirrored slices', async (_what, selector, metadata) => {
  await using s = await scene();
  await s.service(selector);
  await s.endpoints([{ addresses: at('10.0.0.1'), ports: [http] }], metadata);
  await s.client.create(resources.services, {
    metadata: { ...ref, name: 'other' },
    spec: { ports: [{ port: 80 }] },
  } as Service);
  await s.client.create(resources.endpoints, {
    metadata: { ...ref, name: 'other' },
    subsets: [{ addresses: at('10.0.0.5'), ports: [http] }],
  } as Endpoints);
  // What came later is there.
  await s.until(async () => {
    const { items } = await s.client.list(resources.endpointslices, { namespace: 'default' });
    return items.some(({ metadata: { labels } }) => labels?.['kubernetes.io/service-name'] === 'other');
  });
  expect(await s.slices()).toEqual([]);
});

test('slices go when the service gets a selector, and come when it loses it', async () => {
  await using s = await scene();
  await s.service();
  await s.endpoints([{ addresses: at('10.0.0.1'), ports: [http] }]);
  await s.are('10.0.0.1');
  const select = (selector: object | null) =>
    s.client.patch(resources.services, ref, { type: 'merge', patch: { spec: { selector } } });
  await select({ app: 'x' });
  await s.are();
  await select(null);
  await s.are('10.0.0.1');
});

// endpoints RepackSubsets, and the reconciler's limits.
test('subsets are read in their one form: by ports that the same addresses have, and unready where they are once', () => {
  const endpoints = (subsets: object[]) => ({ metadata: ref, subsets }) as Endpoints;
  const [a, b] = [http, { ...http, name: 'b', port: 81 }];
  const told = (subsets: object[]) =>
    mirroredSlices(endpoints(subsets)).slices.map(({ ports, endpoints: all }) => [
      ports.map(({ port }) => port),
      all.map(({ addresses, conditions }) => `${addresses?.[0]} ${conditions?.ready}`),
    ]);
  expect(
    told([
      { addresses: at('10.0.0.1'), ports: [a] },
      { addresses: at('10.0.0.1'), ports: [b] },
    ]),
  ).toEqual([[[80, 81], ['10.0.0.1 true']]]);
  expect(
    told([
      { addresses: at('10.0.0.1', '10.0.0.2'), ports: [a] },
      { notReadyAddresses: at('10.0.0.1'), ports: [a] },
    ]),
  ).toEqual([[[80], ['10.0.0.2 true', '10.0.0.1 false']]]);
  expect(told([{ addresses: at('10.0.0.1') }])).toEqual([[[], ['10.0.0.1 true']]]);
  const many = at(...Array.from({ length: 1003 }, (_, i) => `10.0.${i >> 8}.${i & 255}`), 'nonsense');
  const { slices, wrong, beyond } = mirroredSlices(endpoints([{ addresses: many, ports: [a] }]));
  expect([slices[0]?.endpoints.length, wrong, beyond]).toEqual([1000, 1, 3]);
});
