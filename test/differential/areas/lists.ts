import { at, combined, map, revisionOf, type World } from './world.ts';

const plural = 'endpoints';
const path = at('v1', plural);
const endpoints = (name: string, label: string) => ({
  apiVersion: 'v1',
  kind: 'Endpoints',
  metadata: { name, labels: { l: label } },
});

/** Lists and watches with each revision, match, limit and continuation beside each other. */
export async function lists(world: World): Promise<void> {
  await world.ask('before', { method: 'GET', path });
  for (const [name, label] of [
    ['a', '1'],
    ['b', '2'],
    ['c', '1'],
    ['d', '2'],
  ] as const)
    await world.ask('made', { method: 'POST', path, body: endpoints(name, label) });
  await world.ask('all', { method: 'GET', path });
  await world.ask('page', { method: 'GET', path: `${path}?limit=2` });
  const combinations = combined({
    revision: [undefined, '', '0', 'before', 'all', 'future', 'x', '-1', '01'],
    match: [undefined, '', 'Exact', 'NotOlderThan', 'x'],
    limit: [undefined, '0', '2', '-1', 'x'],
    token: [undefined, '', 'own', 'x', 'bm90IGpzb24'],
  });
  for (const { revision, match, limit, token } of combinations)
    await world.ask('List', ({ last }) => {
      const query = new URLSearchParams();
      const known: Readonly<Record<string, string>> = {
        before: revisionOf(last['before']),
        all: revisionOf(last['all']),
        future: '999999999',
      };
      if (revision !== undefined) query.set('resourceVersion', known[revision] ?? revision);
      if (match !== undefined) query.set('resourceVersionMatch', match);
      if (limit !== undefined) query.set('limit', limit);
      if (token !== undefined)
        query.set('continue', token === 'own' ? JSON.parse(last['page']?.text ?? '{}').metadata?.continue : token);
      // A future revision is waited for, by both three seconds: once is enough.
      if (revision === 'future' && match !== 'Exact' && token !== undefined) query.set('resourceVersion', 'x');
      return { method: 'GET', path: `${path}?${query}` };
    });
  await selectors(world);
  await watches(world);
  await world.ask('one', { method: 'POST', path: at('v1', 'configmaps'), body: map('listed') });
  for (const revision of ['', '0', '1', 'x', '-1', '999999999'])
    await world.ask('get', { method: 'GET', path: `${at('v1', 'configmaps', 'listed')}?resourceVersion=${revision}` });
}

async function selectors(world: World): Promise<void> {
  const labels = [
    'l=1',
    'l==1',
    'l!=1',
    'l in (1,2)',
    'l notin (1)',
    'l',
    '!l',
    'l=',
    'l in ()',
    'l in (1',
    '=',
    'a b',
    'l>1',
    'l<x',
    'l=1,l=2',
    ',',
    'l=1,',
    'L_x/=1',
    `${'a'.repeat(64)}=1`,
  ];
  const fields = [
    'metadata.name=a',
    'metadata.name!=a',
    'metadata.namespace=areas',
    'x=y',
    'metadata.name',
    'metadata.name=a,metadata.name=b',
    '=',
    'metadata.name=\\,',
    'metadata.name==c',
    ',',
  ];
  for (const selector of labels)
    await world.ask('labels', { method: 'GET', path: `${path}?labelSelector=${encodeURIComponent(selector)}` });
  for (const selector of fields)
    await world.ask('fields', { method: 'GET', path: `${path}?fieldSelector=${encodeURIComponent(selector)}` });
}

async function watches(world: World): Promise<void> {
  for (const { revision, match, initial, bookmarks, selector } of combined({
    revision: [undefined, '0', 'all', 'x', '-1'],
    match: [undefined, 'NotOlderThan', 'Exact'],
    initial: [undefined, 'true', 'false', 'x'],
    bookmarks: [undefined, 'true'],
    selector: [undefined, 'l=1'],
  })) {
    // Nothing ends but by its time: a few of each.
    if (world.rng.next() > 0.25) continue;
    await world.ask('Watch', ({ last }) => {
      const query = new URLSearchParams({ watch: 'true', timeoutSeconds: '1' });
      if (revision !== undefined) query.set('resourceVersion', revision === 'all' ? revisionOf(last['all']) : revision);
      if (match !== undefined) query.set('resourceVersionMatch', match);
      if (initial !== undefined) query.set('sendInitialEvents', initial);
      if (bookmarks !== undefined) query.set('allowWatchBookmarks', bookmarks);
      if (selector !== undefined) query.set('labelSelector', selector);
      return { method: 'GET', path: `${path}?${query}` };
    });
  }
}
