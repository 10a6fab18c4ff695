import { resources } from '@berth/kube';
import { expect, test } from 'vitest';
import { turns } from '../decoding/turns.ts';
import { aConfigMap, aPod, aServer } from '../server.test-harness.ts';

type Server = Awaited<ReturnType<typeof aServer>>;

async function withMaps(server: Server, count: number): Promise<void> {
  for (let i = 0; i < count; i++)
    await server.client.create(resources.configmaps, aConfigMap(`m${i}`, { data: { i: `${i}` } }));
}

const names = (list: { items: readonly { metadata: { name?: string } }[] }) =>
  list.items.map(({ metadata }) => metadata.name);

test('pages of a list show one moment, whatever is written between them', async () => {
  await using server = await aServer();
  await withMaps(server, 5);
  const list = (more: object) => server.client.list(resources.configmaps, { namespace: 'default', limit: 2, ...more });
  const first = await list({});
  expect(names(first)).toEqual(['m0', 'm1']);
  expect(first.metadata.remainingItemCount).toBe(3);
  await server.client.delete(resources.configmaps, { namespace: 'default', name: 'm2' });
  await server.client.create(resources.configmaps, aConfigMap('m11'));
  const second = await list({ continue: first.metadata.continue });
  const third = await list({ continue: second.metadata.continue });
  expect([...names(second), ...names(third)]).toEqual(['m2', 'm3', 'm4']);
  expect(second.metadata.resourceVersion).toBe(first.metadata.resourceVersion);
  expect(third.metadata.continue).toBeUndefined();
});

test('of whatever is known nothing is left out, and neither is of the rest behind a page', async () => {
  await using server = await aServer();
  await withMaps(server, 5);
  const list = (more: object) => server.client.list(resources.configmaps, { namespace: 'default', limit: 2, ...more });
  const known = await list({ resourceVersion: '0' });
  expect(names(known)).toHaveLength(5);
  const first = await list({});
  const rest = await list({ continue: first.metadata.continue, resourceVersion: '0' });
  expect(names(rest)).toEqual(['m2', 'm3', 'm4']);
  expect(rest.metadata.continue).toBeUndefined();
});

test('a page whose moment was compacted is refused, with a token to go on inconsistently', async () => {
  await using server = await aServer();
  await withMaps(server, 4);
  const list = (more: object) => server.client.list(resources.configmaps, { namespace: 'default', limit: 2, ...more });
  const first = await list({});
  await withMaps(server, 0);
  await server.client.create(resources.configmaps, aConfigMap('z'));
  await server.store.compact(server.store.revision);
  const error = await list({ continue: first.metadata.continue }).catch((thrown) => thrown);
  expect(error).toMatchObject({ code: 'Expired' });
  const rest = await list({ limit: 10, continue: error.status.metadata.continue });
  expect(names(rest)).toEqual(['m2', 'm3', 'z']);
});

test('a list of one name is whole, whatever its limit, in a namespace and in all', async () => {
  await using server = await aServer();
  await withMaps(server, 3);
  const fieldSelector = 'metadata.name=m0';
  const one = await server.client.list(resources.configmaps, { namespace: 'default', limit: 1, fieldSelector });
  expect(names(one)).toEqual(['m0']);
  expect(one.metadata.continue).toBeUndefined();
  expect(names(await server.client.list(resources.configmaps, { fieldSelector }))).toEqual(['m0']);
  const other = { namespace: 'default', fieldSelector: `${fieldSelector},metadata.namespace=other` };
  expect(names(await server.client.list(resources.configmaps, other))).toEqual([]);
});

test('a list of one name that goes on behind a page has it where it is behind that', async () => {
  await using server = await aServer();
  await withMaps(server, 4);
  const page = await server.client.list(resources.configmaps, { namespace: 'default', limit: 2 });
  const rest = async (name: string) => {
    const options = { continue: page.metadata.continue ?? '', fieldSelector: `metadata.name=${name}` };
    return names(await server.client.list(resources.configmaps, { namespace: 'default', ...options }));
  };
  expect([await rest('m0'), await rest('m1'), await rest('m2'), await rest('m3')]).toEqual([[], [], ['m2'], ['m3']]);
});

test('an exact revision is read as it was; a newer one than there is is refused', async () => {
  await using server = await aServer();
  await withMaps(server, 2);
  const then = String(server.store.revision);
  await server.client.delete(resources.configmaps, { namespace: 'default', name: 'm0' });
  const exact = { resourceVersion: then, resourceVersionMatch: 'Exact' } as const;
  expect(names(await server.client.list(resources.configmaps, exact))).toEqual(['m0', 'm1']);
  const notOlder = { resourceVersion: then, resourceVersionMatch: 'NotOlderThan' } as const;
  expect(names(await server.client.list(resources.configmaps, notOlder))).toEqual(['m1']);
  const future = server.client.list(resources.configmaps, { resourceVersion: '99999' });
  await expect(future).rejects.toMatchObject({ code: 'Timeout' });
});

test('field selectors find pods by node, and refuse fields pods do not have', async () => {
  await using server = await aServer();
  await server.client.create(resources.pods, aPod('a', { spec: { nodeName: 'n1' } }));
  await server.client.create(resources.pods, aPod('b'));
  const list = (fieldSelector: string) => server.client.list(resources.pods, { fieldSelector });
  expect(names(await list('spec.nodeName=n1'))).toEqual(['a']);
  expect(names(await list('spec.nodeName!=n1,metadata.namespace=default'))).toEqual(['b']);
  // Upstream knows these beside: an old name of the node, and one that no pod has a value of.
  expect(names(await list('spec.host=n1'))).toEqual(['a']);
  expect(names(await list('status.podIPs='))).toEqual(['a', 'b']);
  expect(names(await list('status.podIPs!='))).toEqual([]);
  await expect(list('spec.image=x')).rejects.toMatchObject({ code: 'BadRequest' });
});

test('a list by a selector that nobody waits for any more is given up', async () => {
  await using server = await aServer();
  await withMaps(server, 5);
  const gone = new AbortController();
  const others = Array.from({ length: 20 }, () => turns.rest());
  const listing = server.client.list(resources.configmaps, { labelSelector: 'a=b' }, gone.signal);
  gone.abort();
  await expect(listing).rejects.toThrow('aborted');
  await Promise.all(others);
});
