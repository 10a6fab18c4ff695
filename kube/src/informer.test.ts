import { Channel, FakeClock, seededRng, settle, silentLogger } from '@berth/kit';
import { expect, test } from 'vitest';
import { apiError } from './api-error.ts';
import { KubeClient } from './client.ts';
import { resources } from './gen/resources.ts';
import type { ConfigMap } from './gen/types.ts';
import { startInformers } from './start-informers.ts';
import type { ApiRequest, Transport, WatchEvent } from './transport.ts';

/** A server with one collection: revisions, history, compaction, watches that can be cut. */
class SmallServer implements Transport {
  revision = 10;
  compacted = 0;
  refuse: Error | undefined;
  readonly requests: string[] = [];
  readonly objects = new Map<string, ConfigMap>();
  readonly #history: WatchEvent[] = [];
  readonly #watches = new Set<Channel<WatchEvent>>();

  write(name: string, data?: Record<string, string>): void {
    const before = this.objects.get(name);
    const uid = before?.metadata.uid ?? `u${this.revision}`;
    const metadata = { namespace: 'ns', name, uid, resourceVersion: String(++this.revision) };
    const object: ConfigMap = { metadata, ...(data ? { data } : {}) };
    this.objects.set(name, object);
    this.#emit({ type: before ? 'MODIFIED' : 'ADDED', object });
  }

  remove(name: string): void {
    const before = this.objects.get(name) as ConfigMap;
    this.objects.delete(name);
    const metadata = { ...before.metadata, resourceVersion: String(++this.revision) };
    this.#emit({ type: 'DELETED', object: { ...before, metadata } });
  }

  bookmark(): void {
    this.#emit({ type: 'BOOKMARK', object: { metadata: { resourceVersion: String(++this.revision) } } });
  }

  cut(error?: unknown): void {
    for (const watch of this.#watches) watch.end(error);
    this.#watches.clear();
  }

  #emit(event: WatchEvent): void {
    this.#history.push(event);
    for (const watch of this.#watches) watch.push(event);
  }

  async request({ path }: ApiRequest): Promise<unknown> {
    this.requests.push(path);
    if (this.refuse) throw this.refuse;
    const query = new URL(path, 'http://x').searchParams;
    const start = Number(query.get('continue') ?? 0);
    const limit = Number(query.get('limit') ?? 1e9);
    const all = [...this.objects.values()];
    const more = start + limit < all.length ? { continue: String(start + limit) } : {};
    return { metadata: { resourceVersion: String(this.revision), ...more }, items: all.slice(start, start + limit) };
  }

  async *watch({ path }: ApiRequest, signal: AbortSignal): AsyncIterable<WatchEvent> {
    this.requests.push(path);
    if (this.refuse) throw this.refuse;
    const after = Number(new URL(path, 'http://x').searchParams.get('resourceVersion'));
    if (after < this.compacted) throw apiError('Expired', `too old resource version: ${after} (${this.compacted})`);
    const channel = new Channel<WatchEvent>();
    for (const event of this.#history) if (Number(event.object.metadata.resourceVersion) > after) channel.push(event);
    this.#watches.add(channel);
    signal.addEventListener('abort', () => channel.end());
    yield* channel;
  }
}

function setup(prepare: (server: SmallServer) => void = () => undefined) {
  const server = new SmallServer();
  prepare(server);
  const clock = new FakeClock();
  const stop = new AbortController();
  const client = new KubeClient(server);
  const informers = startInformers(client, { clock, log: silentLogger, rng: seededRng(1) }, stop.signal);
  const seen: string[] = [];
  const informer = informers.of(resources.configmaps);
  informer.onChange((key, { before, after }) => {
    seen.push(`${before ? (after ? 'changed' : 'deleted') : 'added'} ${key}`);
  });
  return { server, clock, stop, informers, informer, seen };
}

const down = (server: SmallServer) => {
  server.refuse = apiError('ServiceUnavailable', 'down');
};

test('an informer lists in pages, then follows the watch from the list revision', async () => {
  const { server, informers, informer, seen } = setup((fresh) => {
    for (let i = 0; i < 1200; i++) fresh.write(`c${i}`);
  });
  await informers.whenSynced();
  expect(seen.length).toBe(1200);
  expect(server.requests.filter((path) => path.includes('limit=500')).length).toBe(3);
  await settle();
  server.write('c1', { a: '1' });
  server.remove('c2');
  await settle();
  expect(seen.slice(1200)).toEqual(['changed ns/c1', 'deleted ns/c2']);
  expect(informer.get('ns/c1')).toMatchObject({ kind: 'ConfigMap', apiVersion: 'v1', data: { a: '1' } });
  await informers[Symbol.asyncDispose]();
});

test('a long list is taken over in many turns of the event loop, and synced is who has all of it', async () => {
  const { informers } = setup((server) => {
    for (let i = 0; i < 3000; i++) server.write(`m${i}`);
  });
  await using _ = informers;
  const informer = informers.of(resources.configmaps);
  const told: string[] = [];
  informer.onChange((key) => told.push(key));
  const turns: number[] = [];
  while (!informer.synced) {
    const before = told.length;
    await new Promise(setImmediate);
    turns.push(told.length - before);
  }
  expect(told).toEqual(Array.from({ length: 3000 }, (_, i) => `ns/m${i}`));
  // Between two looks there may be two turns.
  expect(Math.max(...turns)).toBeLessThanOrEqual(2 * 250);
});

test('an informer that is stopped while it takes over a long list goes no further', async () => {
  const { informers } = setup((server) => {
    for (let i = 0; i < 3000; i++) server.write(`m${i}`);
  });
  const informer = informers.of(resources.configmaps);
  const told: string[] = [];
  informer.onChange((key) => told.push(key));
  while (told.length === 0) await new Promise(setImmediate);
  await informers[Symbol.asyncDispose]();
  const atStop = told.length;
  for (let i = 0; i < 20; i++) await new Promise(setImmediate);
  expect(told.length).toBe(atStop);
  expect(atStop).toBeLessThan(3000);
});

test('an informer resumes an ended watch from the last revision it saw, bookmarks included', async () => {
  const { server, informers, clock, seen } = setup();
  server.write('a');
  await informers.whenSynced();
  await settle();
  server.bookmark();
  await settle();
  const at = server.revision;
  server.cut();
  await settle();
  expect(server.requests.at(-1)).toContain(`resourceVersion=${at}`);
  server.write('b');
  await settle();
  expect(seen).toEqual(['added ns/a', 'added ns/b']);
  expect(clock.pending).toBe(0);
  await informers[Symbol.asyncDispose]();
});

test('after compaction an informer lists again and tells handlers the difference', async () => {
  const { server, informers, seen, clock } = setup();
  server.write('gone');
  server.write('kept');
  server.write('again');
  await informers.whenSynced();
  await settle();
  server.refuse = apiError('ServiceUnavailable', 'down');
  server.cut();
  await settle();
  server.remove('gone');
  server.remove('again');
  server.write('again');
  server.write('kept', { x: '1' });
  server.write('new');
  server.compacted = server.revision - 1;
  server.refuse = undefined;
  await clock.advance(2000);
  expect(seen.slice(3)).toEqual([
    'deleted ns/gone',
    'changed ns/kept',
    'deleted ns/again',
    'added ns/again',
    'added ns/new',
  ]);
  expect(server.requests.filter((path) => path.includes('resourceVersion=0')).length).toBe(1);
  await informers[Symbol.asyncDispose]();
});

test('an informer backs off while the server refuses, and leaves no timer behind', async () => {
  const { server, informers, clock, informer } = setup(down);
  await clock.advance(60_000);
  expect(server.requests.length).toBeLessThan(10);
  expect(informer.synced).toBe(false);
  server.refuse = undefined;
  await clock.advance(60_000);
  expect(informer.synced).toBe(true);
  await informers[Symbol.asyncDispose]();
  expect(clock.pending).toBe(0);
});

test('a handler added late is told of every object; one that throws harms no other', async () => {
  const { server, informers, informer } = setup();
  server.write('a');
  await informers.whenSynced();
  await settle();
  informer.onChange(() => {
    throw new Error('bug');
  });
  const late: string[] = [];
  const registration = informer.onChange((key) => late.push(key));
  expect(late).toEqual(['ns/a']);
  server.write('b');
  await settle();
  registration[Symbol.dispose]();
  server.write('c');
  await settle();
  expect(late).toEqual(['ns/a', 'ns/b']);
  await informers[Symbol.asyncDispose]();
});

test('indexes follow objects as they change', async () => {
  const { server, informers, informer } = setup();
  server.write('a', { node: 'n1' });
  informer.addIndex('node', (object) => [object.data?.['node'] ?? '']);
  await informers.whenSynced();
  await settle();
  server.write('b', { node: 'n1' });
  server.write('a', { node: 'n2' });
  await settle();
  const names = (value: string) => informer.byIndex('node', value).map(({ metadata }) => metadata.name);
  expect([names('n1'), names('n2'), names('n3')]).toEqual([['b'], ['a'], []]);
  server.remove('b');
  await settle();
  expect(names('n1')).toEqual([]);
  expect(informer.list('ns').length).toBe(1);
  expect(informer.list('other')).toEqual([]);
  await informers[Symbol.asyncDispose]();
});

test('one informer a resource and scope, and its selectors reach the server', async () => {
  const { server, informers, informer, stop } = setup();
  const scoped = informers.of(resources.configmaps, { namespace: 'ns', labelSelector: 'a=b' });
  expect(informers.of(resources.configmaps)).toBe(informer);
  expect(informers.of(resources.configmaps, { namespace: 'ns', labelSelector: 'a=b' })).toBe(scoped);
  await informers.whenSynced();
  expect(server.requests.some((path) => path.includes('/namespaces/ns/configmaps?labelSelector=a%3Db'))).toBe(true);
  stop.abort();
  await informers[Symbol.asyncDispose]();
});

test('whenSynced rejects when the informers are stopped before the first list', async () => {
  const { informers, informer } = setup(down);
  const waiting = informer.whenSynced();
  const failed = expect(waiting).rejects.toThrow('abort');
  await settle();
  await informers[Symbol.asyncDispose]();
  await failed;
});
