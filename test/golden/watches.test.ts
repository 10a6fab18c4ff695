import { systemClock } from '@berth/kit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { MemoryStore } from '../../orchestrator/src/store/store.memory.ts';
import { anApiServer } from '../harness/api-server.ts';
import { goldenFile } from './resource-rules.ts';

interface Write {
  readonly method: string;
  readonly path: string;
  readonly contentType: string;
  readonly body: unknown;
  readonly status: number;
}

interface Event {
  readonly type: string;
  readonly object: Record<string, unknown>;
}

interface Case {
  readonly id: string;
  readonly note: string | null;
  readonly watch: string;
  readonly accept: string;
  readonly writes: readonly Write[];
  readonly head: { readonly status: number; readonly contentType: string; readonly transferEncoding: string | null };
  readonly events: readonly (Event | Record<string, unknown>)[];
}

const { cases } = goldenFile<{ cases: readonly Case[] }>('watches.json');
const configmaps = '/api/v1/namespaces/default/configmaps';

/** What stood there when the first case with the label `s=1` was recorded. */
const setup = ['w5', 'w6'].map((name) => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, labels: { s: '1' } } }));

let server: Awaited<ReturnType<typeof anApiServer>>;
beforeAll(async () => {
  server = await anApiServer();
});
afterAll(() => server[Symbol.asyncDispose]());

async function write({ method, path, contentType, body, status }: Write): Promise<void> {
  const reply = await server.send({ method, path, contentType, body });
  expect(reply.status).toBe(status);
}

for (const each of cases) {
  test(`${each.id}: the same events in the same order${each.note ? ` (${each.note})` : ''}`, async () => {
    if (each.id === 'watch/no-rv') for (const body of setup) await write(aCreate(body));
    // The recording's last write to w5 belongs to no case.
    if (each.id === 'watch/rv-1-expired-or-not') await write(aPatch('w5', { data: { q: '4' } }));
    const path = `${configmaps}?watch=true&${each.watch.replace('{rv}', String(server.store.revision))}`;
    const stop = new AbortController();
    const lines: string[] = [];
    const watching = server
      .stream({ method: 'GET', path, accept: each.accept }, (line) => lines.push(line), stop.signal)
      .catch((error: Error) => error);
    const expected = each.events.filter(isTimeless);
    if (each.head.status !== 200) return expectRefusal(each, await watching);
    // Both without a revision and with initial events, writes follow what was there.
    const before = expected.length - each.writes.length;
    if (/^labelSelector|sendInitialEvents/.test(each.watch)) await atLeast(lines, before);
    for (const one of each.writes) await write(one);
    await atLeast(lines, expected.length);
    stop.abort();
    await watching;
    expect(lines.map((line) => brief(JSON.parse(line)))).toEqual(expected);
  });
}

test('a watch that shall begin with a state still to come is begun, and told so', async () => {
  const beginning = 'sendInitialEvents=true&resourceVersionMatch=NotOlderThan&resourceVersion=999999999';
  const reply = await server.send({ method: 'GET', path: `${configmaps}?watch=true&${beginning}` });
  expect(reply.status).toBe(200);
  const { type, object } = JSON.parse(reply.text);
  expect({ type, code: object.code, causes: object.details.causes }).toEqual({
    type: 'ERROR',
    code: 504,
    causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
  });
});

async function atLeast(lines: readonly string[], count: number): Promise<void> {
  await expect.poll(() => lines.length, { interval: 5 }).toBeGreaterThanOrEqual(count);
}

/** Bookmarks that only say how far the watch is come once a minute; the recording waited for some. */
function isTimeless(event: Case['events'][number]): boolean {
  const { type, object } = event as Event;
  return type !== 'BOOKMARK' || object['annotations'] !== null;
}

function expectRefusal(each: Case, reply: unknown): void {
  expect(reply).toMatchObject({ status: each.head.status });
  expect(JSON.parse((reply as { text: string }).text)).toEqual(each.events[0]);
}

/** What the recording kept of an event. */
function brief({ type, object }: { type: string; object: any }): Event {
  if (object.kind === 'Table') {
    const rows = object.rows.map((row: any) => ({
      cells: row.cells.map((cell: unknown) => (/^\d+s$/.test(String(cell)) ? '10s' : cell)),
      'object.kind': row.object.kind,
    }));
    return { type, object: { kind: 'Table', columnDefinitions: (object.columnDefinitions ?? []).length, rows } };
  }
  const { name = null, labels = null, annotations = null, deletionTimestamp = null, finalizers = null } = object.metadata;
  return { type, object: { kind: object.kind, name, labels, annotations, data: object.data ?? null, deletionTimestamp, finalizers } };
}

function aCreate(body: object): Write {
  return { method: 'POST', path: configmaps, contentType: 'application/json', body, status: 201 };
}

function aPatch(name: string, body: object): Write {
  return { method: 'PATCH', path: `${configmaps}/${name}`, contentType: 'application/merge-patch+json', body, status: 200 };
}

/** A store that counts who watches what only clients do. */
class CountingStore extends MemoryStore {
  watching = 0;

  override watch(prefix: string, after: number, signal: AbortSignal) {
    if (/configmaps|statefulsets/.test(prefix)) {
      this.watching++;
      signal.addEventListener('abort', () => this.watching--, { once: true });
    }
    return super.watch(prefix, after, signal);
  }
}

/** As old clients ask (deprecated since 1.11, served by every version). */
test('a path below watch/ watches a list, or the one object it names', async () => {
  const under = configmaps.replace('/v1/', '/v1/watch/');
  const stop = new AbortController();
  const [all, one]: [string[], string[]] = [[], []];
  const watching = [`${under}?resourceVersion=${server.store.revision}`, `${under}/old-way`].map((path, i) =>
    server.stream({ method: 'GET', path }, (line) => (i === 0 ? all : one).push(line), stop.signal).catch(() => undefined),
  );
  for (const name of ['old-way', 'other-way']) await write(aCreate({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name } }));
  await write(aPatch('old-way', { data: { a: '1' } }));
  await atLeast(all, 3);
  await expect.poll(() => JSON.parse(one.at(-1) ?? '{}'), { interval: 5 }).toMatchObject({ object: { data: { a: '1' } } });
  stop.abort();
  await Promise.all(watching);
  const brief = (lines: readonly string[]) => lines.map((line) => JSON.parse(line)).map(({ type, object }) => `${type} ${object.metadata.name}`);
  expect(brief(all)).toEqual(['ADDED old-way', 'ADDED other-way', 'MODIFIED old-way']);
  expect(new Set(brief(one).map((line) => line.split(' ')[1]))).toEqual(new Set(['old-way']));
  const refused = await server.send({ method: 'GET', path: `${under}/old-way?fieldSelector=metadata.name%3Dother-way` });
  expect([refused.status, JSON.parse(refused.text).message]).toEqual([400, "fieldSelector metadata.name doesn't match requested name"]);
  const named = await server.send({ method: 'GET', path: `${configmaps}/old-way?watch=true` });
  expect(JSON.parse(named.text)).toMatchObject({ kind: 'ConfigMap', metadata: { name: 'old-way' } });
});

test('a watch whose answer its client cannot read leaves nothing behind', async () => {
  await using store = new CountingStore({ clock: systemClock });
  await using own = await anApiServer({ more: { store } });
  for (const path of [configmaps, `${configmaps.replace('/v1/', '/v1/watch/')}/a`, '/apis/apps/v1/statefulsets'])
    for (let i = 0; i < 5; i++)
      expect(await own.send({ method: 'GET', path: `${path}?watch=true`, accept: 'application/yaml' })).toMatchObject({
        status: 406,
      });
  expect(store.watching).toBe(0);
});
