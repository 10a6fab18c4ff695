import { FakeClock, systemClock } from '@berth/kit';
import { isReason, KubeClient, resources, type Service, type ServiceSpec } from '@berth/kube';
import { expect, test } from 'vitest';
import { defaultServices, MemoryStore, type ServiceRanges } from '../../orchestrator/src/index.ts';
import { anApiServer } from '../harness/api-server.ts';

// Objects and words are those of kube-apiserver 1.36.3.

type Cidrs = ServiceRanges['cidrs'];
const both: Cidrs = ['10.96.0.0/16', 'fd00:10::/108'];
const at = (name: string) => ({ name, namespace: 'default' });

async function scene(cidrs: Cidrs, store = new MemoryStore({ clock: systemClock })) {
  const clock = new FakeClock();
  const services = { ...defaultServices, cidrs };
  const running = await anApiServer({ clock, more: { store, services, advertiseAddress: '192.0.2.7' } });
  const client = new KubeClient(running.server.transport());
  const told = (asked: Promise<Service>) =>
    asked.then(
      ({ spec }) => shown(spec),
      (error) => {
        if (isReason(error, 'Invalid', 'InternalError')) return (error as Error).message;
        throw error;
      },
    );
  return {
    ...running,
    clock,
    client,
    create: (name: string, spec: object, options = {}) =>
      told(
        client.create(resources.services, { metadata: at(name), spec: { ports: [{ port: 80 }], ...spec } } as Service, options),
      ),
    patch: (name: string, spec: object, options = {}) =>
      told(client.patch<Service>(resources.services, at(name), { type: 'merge', patch: { spec } }, options)),
    addresses: async () => {
      const { items } = await client.list(resources.ipaddresses);
      return items.map(({ metadata, spec }) => `${spec?.parentRef?.name} ${familyOf(metadata.name ?? '')}`).toSorted();
    },
    default: async () => (await client.get(resources.servicecidrs, { name: 'kubernetes' })).spec?.cidrs,
    remove: (name: string) => client.delete(resources.services, at(name)),
  };
}

const familyOf = (address: string) => (address.includes(':') ? 'IPv6' : address === 'None' ? 'None' : 'IPv4');

/** Policy, families, and of which families the addresses are. */
function shown({ ipFamilyPolicy, ipFamilies = [], clusterIP, clusterIPs = [] }: ServiceSpec = {}): string {
  expect(clusterIP).toBe(clusterIPs[0]);
  return [ipFamilyPolicy, ipFamilies.join(), clusterIPs.map(familyOf).join()].join(' ');
}

test.each<readonly [string, object, string]>([
  ['nothing', {}, 'SingleStack IPv4 IPv4'],
  ['the other family', { ipFamilies: ['IPv6'] }, 'SingleStack IPv6 IPv6'],
  ['both families', { ipFamilies: ['IPv4', 'IPv6'] }, multiple('IP families')],
  ['a preference', { ipFamilyPolicy: 'PreferDualStack' }, 'PreferDualStack IPv4,IPv6 IPv4,IPv6'],
  ['both', { ipFamilyPolicy: 'RequireDualStack' }, 'RequireDualStack IPv4,IPv6 IPv4,IPv6'],
  [
    'both, the other first',
    { ipFamilyPolicy: 'RequireDualStack', ipFamilies: ['IPv6'] },
    'RequireDualStack IPv6,IPv4 IPv6,IPv4',
  ],
  ['an address of the other', { clusterIP: 'fd00:10::7' }, 'SingleStack IPv6 IPv6'],
  [
    'both, by one address',
    { ipFamilyPolicy: 'PreferDualStack', clusterIP: 'fd00:10::7' },
    'PreferDualStack IPv6,IPv4 IPv6,IPv4',
  ],
  ['two addresses', { clusterIP: '10.96.0.7', clusterIPs: ['10.96.0.7', 'fd00:10::7'] }, multiple('cluster IPs')],
  [
    'one that is of no range',
    { ipFamilyPolicy: 'PreferDualStack', clusterIP: '10.96.0.7', clusterIPs: ['10.96.0.7', 'fd00:11::7'] },
    'Service "s" is invalid: spec.clusterIPs: Invalid value: ["10.96.0.7","fd00:11::7"]: failed to allocate IP fd00:11::7: ' +
      'the provided network does not match the current range',
  ],
  ['none, and a selector', { clusterIP: 'None', selector: { a: 'b' } }, 'SingleStack IPv4 None'],
  ['none, and no selector', { clusterIP: 'None' }, 'RequireDualStack IPv4,IPv6 None'],
])('of two families a Service that asks for %s has what kube-apiserver gives it', async (_what, spec, expected) => {
  await using s = await scene(both);
  expect(await s.create('s', spec)).toBe(expected);
  const count = expected.split(' ')[2]?.split(',').filter((each) => each.startsWith('IPv')).length ?? 0;
  // What was given for nothing is given back.
  expect(await s.addresses()).toHaveLength(1 + (expected.includes('invalid') ? 0 : count));
});

function multiple(what: string): string {
  const words = `must be 'RequireDualStack' or 'PreferDualStack' when multiple ${what} are specified`;
  return `Service "s" is invalid: spec.ipFamilyPolicy: Invalid value: "SingleStack": ${words}`;
}

test('a Service gets its second address when it asks for both families, and gives it back when one is enough', async () => {
  await using s = await scene(both);
  await s.create('s', { clusterIP: '10.96.0.7' });
  expect(await s.patch('s', { ipFamilyPolicy: 'PreferDualStack' }, { dryRun: 'All' })).toBe(
    'PreferDualStack IPv4,IPv6 IPv4,IPv6',
  );
  expect(await s.addresses()).toEqual(['kubernetes IPv4', 's IPv4']);
  expect(await s.patch('s', { ipFamilyPolicy: 'RequireDualStack' })).toBe('RequireDualStack IPv4,IPv6 IPv4,IPv6');
  expect(await s.addresses()).toEqual(['kubernetes IPv4', 's IPv4', 's IPv6']);
  expect(await s.patch('s', { ipFamilies: ['IPv4'] })).toBe(
    'Service "s" is invalid: spec.ipFamilyPolicy: Invalid value: "RequireDualStack": must be \'SingleStack\' to release the secondary IP family',
  );
  expect(await s.patch('s', { ipFamilies: ['IPv6', 'IPv4'] })).toContain(
    'spec.clusterIPs[0]: Invalid value: "10.96.0.7": expected an IPv6 value as indicated by `ipFamilies[0]`',
  );
  expect(await s.patch('s', { ipFamilyPolicy: 'SingleStack' })).toBe('SingleStack IPv4 IPv4');
  expect(await s.addresses()).toEqual(['kubernetes IPv4', 's IPv4']);
  const named = { ipFamilyPolicy: 'PreferDualStack', clusterIPs: ['10.96.0.7', 'fd00:10::9'] };
  expect(await s.patch('s', named)).toBe('PreferDualStack IPv4,IPv6 IPv4,IPv6');
  expect((await s.client.get(resources.services, at('s'))).spec?.clusterIPs).toEqual(named.clusterIPs);
  const outside = { type: 'ExternalName', externalName: 'example.com' };
  expect(await s.patch('s', { ...outside, clusterIP: null, clusterIPs: null })).toBe('  ');
  expect(await s.addresses()).toEqual(['kubernetes IPv4']);
  expect(await s.patch('s', { type: 'ClusterIP', externalName: null, ipFamilyPolicy: 'RequireDualStack' })).toBe(
    'RequireDualStack IPv4,IPv6 IPv4,IPv6',
  );
  await s.remove('s');
  expect(await s.addresses()).toEqual(['kubernetes IPv4']);
});

test('a server of one family has the other for nobody, and says so as kube-apiserver does', async () => {
  await using s = await scene(['fd00:10::/112']);
  expect(await s.create('any', {})).toBe('SingleStack IPv6 IPv6');
  expect(await s.create('prefers', { ipFamilyPolicy: 'PreferDualStack' })).toBe('PreferDualStack IPv6 IPv6');
  expect(await s.create('s', { ipFamilyPolicy: 'RequireDualStack', ipFamilies: ['IPv4'] })).toBe(
    'Service "s" is invalid: [spec.ipFamilyPolicy: Invalid value: "RequireDualStack": this cluster is not configured for ' +
      'dual-stack services, spec.ipFamilies[0]: Invalid value: "IPv4": not configured on this cluster]',
  );
  expect(await s.create('s', { clusterIP: '10.96.0.7' })).toBe(
    'Service "s" is invalid: spec.clusterIPs[0]: Invalid value: ["10.96.0.7"]: IPv4 is not configured on this cluster',
  );
  const own = (await s.client.get(resources.services, at('kubernetes'))).spec;
  expect([shown(own), own?.clusterIP]).toEqual(['SingleStack IPv6 IPv6', 'fd00:10::1']);
});

test('a store of one family gets a second one beside it, Services only when they ask for it', async () => {
  const store = new MemoryStore({ clock: systemClock });
  {
    await using before = await scene([both[0]], store);
    expect(await before.create('s', { ipFamilyPolicy: 'PreferDualStack' })).toBe('PreferDualStack IPv4 IPv4');
    expect(await before.default()).toEqual([both[0]]);
  }
  await using s = await scene(both, store);
  await expect.poll(() => s.default()).toEqual(both);
  expect(await s.patch('s', { sessionAffinity: 'ClientIP' })).toBe('PreferDualStack IPv4 IPv4');
  expect(await s.patch('s', { ipFamilyPolicy: 'RequireDualStack' })).toBe('RequireDualStack IPv4,IPv6 IPv4,IPv6');
});

test('on a store of another range what it has is given out as before, and the server’s own address stays', async () => {
  const store = new MemoryStore({ clock: systemClock });
  {
    await using _before = await scene([both[0]], store);
  }
  await using s = await scene(['10.200.0.0/16'], store);
  expect(await s.default()).toEqual([both[0]]);
  expect((await s.client.get(resources.services, at('kubernetes'))).spec?.clusterIP).toBe('10.96.0.1');
  expect(await s.create('s', { clusterIP: '10.200.0.7' })).toContain('does not match the current range');
  expect(await s.create('s', { clusterIP: '10.96.0.7' })).toBe('SingleStack IPv4 IPv4');
});

test('of a range of IPv6 that is longer than 64 bits nothing is given', async () => {
  await using s = await scene([both[0], 'fd00:10::/63']);
  expect(await s.create('s', { ipFamilies: ['IPv6'] })).toBe(
    'Internal error occurred: failed to allocate a serviceIP for Service "s": range is full',
  );
  expect(await s.create('s', { ipFamilies: ['IPv6'] }, { dryRun: 'All' })).toBe(
    'Service "s" is invalid: spec.clusterIPs: Invalid value: [""]: failed to allocate IP: allocator not ready',
  );
  expect(await s.create('s', { clusterIP: 'fd00:10::7' })).toContain('does not match the current range');
});
