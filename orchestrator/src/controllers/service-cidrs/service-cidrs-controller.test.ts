import { resources, type Service } from '@berth/kube';
import { expect, test } from 'vitest';
import { withController } from '../controller.test-harness.ts';
import { startServiceCidrsController } from './service-cidrs-controller.ts';

const finalizer = 'networking.k8s.io/service-cidr-finalizer';
const ready = { type: 'Ready', status: 'True', reason: '', message: 'Kubernetes Service CIDR is ready' };
const inUse = {
  type: 'Ready',
  status: 'False',
  reason: 'Terminating',
  message: 'There are still IPAddresses referencing the ServiceCIDR, please remove them or create a new ServiceCIDR',
};

async function scene() {
  const running = await withController(startServiceCidrsController);
  const { client, clock, until } = running;
  const find = (name: string) => client.find(resources.servicecidrs, { name });
  return {
    ...running,
    find,
    make: (name: string, ...cidrs: string[]) =>
      client.create(resources.servicecidrs, { metadata: { name }, spec: { cidrs } }),
    drop: (name: string) => client.delete(resources.servicecidrs, { name }),
    service: (name: string, clusterIP: string) =>
      client.create(resources.services, {
        metadata: { name, namespace: 'default' },
        spec: { clusterIP, ports: [{ port: 80 }] },
      } as Service),
    /** Comes to be said of it. */
    isSaid: (name: string, condition: object) =>
      until(async () => {
        const [said] = (await find(name))?.status?.conditions ?? [];
        return Object.entries(condition).every(([field, value]) => said?.[field as 'reason'] === value);
      }),
    isGone: (name: string) => until(async () => (await find(name)) === undefined),
    later: async (ms: number) => {
      await clock.advance(ms);
      await until(async () => true);
    },
  };
}

test('ServiceCIDRs are told ready, and are held', async () => {
  await using s = await scene();
  await s.make('more', '10.200.0.0/24');
  for (const name of ['more', 'kubernetes']) {
    await s.isSaid(name, ready);
    expect((await s.find(name))?.metadata.finalizers).toEqual([finalizer]);
  }
});

test('one that no address needs goes after ten seconds', async () => {
  await using s = await scene();
  await s.make('more', '10.200.0.0/24', '2001:db8::/64');
  await s.isSaid('more', ready);
  await s.drop('more');
  await s.later(9000);
  expect(await s.find('more')).toBeDefined();
  await s.isGone('more');
});

test('one stays while an address is of no other, and says so', async () => {
  await using s = await scene();
  await s.make('more', '10.200.0.0/24');
  await s.isSaid('more', ready);
  await s.service('a', '10.200.0.7');
  await s.drop('more');
  await s.isSaid('more', inUse);
  await s.later(20_000);
  expect((await s.find('more'))?.metadata.finalizers).toEqual([finalizer]);
  await s.client.delete(resources.services, { name: 'a', namespace: 'default' });
  await s.isGone('more');
});

test.each([
  ['all of it', '10.200.0.0/16'],
  ['the addresses that are used', '10.200.0.0/28'],
])('one goes when another range has %s', async (_what, cidr) => {
  await using s = await scene();
  await s.make('more', '10.200.0.0/24');
  await s.isSaid('more', ready);
  await s.service('a', '10.200.0.7');
  await s.drop('more');
  await s.isSaid('more', inUse);
  await s.make('other', cidr);
  await s.isGone('more');
  expect(await s.client.find(resources.ipaddresses, { name: '10.200.0.7' })).toBeDefined();
});

test('addresses that are not of Services hold nothing', async () => {
  await using s = await scene();
  await s.make('more', '10.200.0.0/24');
  await s.isSaid('more', ready);
  const parentRef = { group: 'example.com', resource: 'gateways', name: 'g' };
  await s.client.create(resources.ipaddresses, { metadata: { name: '10.200.0.7' }, spec: { parentRef } });
  await s.drop('more');
  await s.isGone('more');
});
