import { FakeClock, silentLogger, systemRng } from '@berth/kit';
import { KubeClient, resources } from '@berth/kube';
import { expect, test } from 'vitest';
import { createApiServer, definitions, MemoryStore } from '../../orchestrator/src/index.ts';
import { anAuthority } from '../harness/api-server.ts';

// kube-apiserver's controlplane controllers (kubernetesservice, systemnamespaces).
test('what every cluster has comes back when somebody deletes it, and is not written while it is there', async () => {
  const clock = new FakeClock();
  await using store = new MemoryStore({ clock });
  await using server = await createApiServer({
    store,
    definitions,
    clock,
    rng: systemRng,
    log: silentLogger,
    nodeApi: () => undefined,
    advertiseAddress: '192.0.2.7',
  });
  const authority = await anAuthority();
  const tls = { ...(await authority.issue('CN=berth', 'server')), clientCa: authority.cert };
  await server.listen({ ...tls, address: '127.0.0.1', port: 0 });
  const client = new KubeClient(server.transport());
  const kubernetes = { namespace: 'default', name: 'kubernetes' };
  const addresses = async () =>
    (await client.get(resources.endpoints, kubernetes)).subsets?.map(({ addresses: all }) => all?.map(({ ip }) => ip));
  /** But for the server's own Lease, which is renewed. */
  const written = async () => {
    const { items } = await store.range({ prefix: '/registry/' });
    return Math.max(...items.filter(({ key }) => !key.startsWith('/registry/leases/')).map((each) => each.modRevision));
  };
  // What it does while it serves begins behind its start.
  await expect.poll(async () => (await store.range({ prefix: '/registry/leases/' })).items.length).toBe(1);
  let before: number;
  // A server that has just started writes some more.
  do {
    before = await written();
    await clock.advance(30_000);
  } while ((await written()) !== before);

  const { spec } = await client.get(resources.services, kubernetes);
  await client.delete(resources.services, kubernetes);
  await client.delete(resources.endpoints, kubernetes);
  await clock.advance(10_000);
  expect((await client.get(resources.services, kubernetes)).spec?.clusterIP).toBe(spec?.clusterIP);
  expect(await addresses()).toEqual([['192.0.2.7']]);
});
