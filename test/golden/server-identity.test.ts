import { hostname } from 'node:os';
import { FakeClock } from '@berth/kit';
import { KubeClient, type Lease, resources } from '@berth/kube';
import { expect, test } from 'vitest';
import { MemoryStore } from '../../orchestrator/src/index.ts';
import { anApiServer } from '../harness/api-server.ts';

const namespace = 'kube-system';
const label = 'apiserver.kubernetes.io/identity';

async function scene(clock: FakeClock, store: MemoryStore) {
  const running = await anApiServer({ clock, more: { store, advertiseAddress: '192.0.2.7' } });
  const client = new KubeClient(running.server.transport());
  const { items } = await client.list(resources.endpoints, { namespace: 'default' });
  const port = items[0]?.subsets?.[0]?.ports?.[0]?.port;
  return {
    ...running,
    client,
    port,
    leases: async () =>
      (await client.list(resources.leases, { namespace, labelSelector: `${label}=kube-apiserver` })).items,
  };
}

const isRenewed = async (s: Awaited<ReturnType<typeof scene>>, before: Lease | undefined) => {
  const [now] = await s.leases();
  return now !== undefined && now.spec?.renewTime !== before?.spec?.renewTime;
};

// Each field is as kube-apiserver 1.36.3 has it.
test('a server has a Lease that tells who it is, renews it and takes it away at its end', async () => {
  const clock = new FakeClock();
  await using store = new MemoryStore({ clock });
  let first: Lease | undefined;
  {
    await using s = await scene(clock, store);
    await expect.poll(s.leases).toHaveLength(1);
    [first] = await s.leases();
    const name = first?.metadata.name ?? '';
    expect(name).toMatch(/^apiserver-[a-z2-7]{26}$/);
    expect(first?.metadata.labels).toEqual({ [label]: 'kube-apiserver', 'kubernetes.io/hostname': hostname() });
    expect(first?.metadata.annotations).toEqual({ 'kubernetes.io/peer-advertise-address': `192.0.2.7:${s.port}` });
    expect(first?.spec).toEqual({
      holderIdentity: expect.stringMatching(new RegExp(`^${name}_[0-9a-f]{8}-[0-9a-f-]{27}$`)),
      leaseDurationSeconds: 3600,
      renewTime: expect.stringMatching(/\.\d{6}Z$/),
    });
    const path = `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases/${name}`;
    const { metadata } = JSON.parse((await s.send({ method: 'GET', path })).text) as Lease;
    const set = { 'f:holderIdentity': {}, 'f:leaseDurationSeconds': {}, 'f:renewTime': {} };
    expect(metadata.managedFields).toMatchObject([
      { manager: 'kube-apiserver', operation: 'Update', fieldsV1: { 'f:spec': set } },
    ]);
    await expect.poll(async () => clock.advance(10_000).then(() => isRenewed(s, first))).toBe(true);
    const [second] = await s.leases();
    expect(second).toMatchObject({ metadata: { uid: first?.metadata.uid }, spec: { holderIdentity: first?.spec?.holderIdentity } });
    await s.client.delete(resources.leases, { namespace, name });
    await expect.poll(async () => clock.advance(10_000).then(s.leases)).toHaveLength(1);
  }
  expect((await store.range({ prefix: `/registry/leases/${namespace}/` })).items).toEqual([]);
});

test('the Lease of a server that was killed is replaced at the next start; those of servers that are no more are removed', async () => {
  const clock = new FakeClock();
  await using store = new MemoryStore({ clock });
  const lease = (name: string, spec: object, labels = { [label]: 'kube-apiserver' }) =>
    ({ metadata: { name, namespace, labels }, spec }) as Lease;
  const renewTime = (agoMs: number) => new Date(clock.now() - agoMs).toISOString().replace('Z', '000Z');
  let own: Lease | undefined;
  {
    await using s = await scene(clock, store);
    await expect.poll(s.leases).toHaveLength(1);
    [own] = await s.leases();
    const of = (agoMs: number) => ({ holderIdentity: 'x', leaseDurationSeconds: 3600, renewTime: renewTime(agoMs) });
    await s.client.create(resources.leases, lease('apiserver-dead', of(3_601_000)));
    await s.client.create(resources.leases, lease('apiserver-alive', of(3_000_000)));
    await s.client.create(resources.leases, lease('apiserver-odd', { holderIdentity: 'x' }));
    await s.client.create(resources.leases, lease('other', of(9_000_000), { [label]: 'another' }));
  }
  await store.write({
    key: `/registry/leases/${namespace}/${own?.metadata.name}`,
    value: new TextEncoder().encode(JSON.stringify({ apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', ...own })),
  });
  await using s = await scene(clock, store);
  const names = async () => (await s.leases()).map(({ metadata }) => metadata.name);
  await expect.poll(names).toEqual(['apiserver-alive', own?.metadata.name]);
  const [, next] = await s.leases();
  expect(next?.metadata.uid).not.toBe(own?.metadata.uid);
  expect(next?.spec?.holderIdentity).not.toBe(own?.spec?.holderIdentity);
  expect(await s.client.find(resources.leases, { namespace, name: 'other' })).toBeDefined();
});
