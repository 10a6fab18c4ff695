import { setImmediate } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { CustomResource } from '../custom-resources/custom-resource.ts';
import type { ServerRequest } from '../server-request.ts';
import { guarded, hasMoreValues, heavyWork, isHeavy, someHeavy } from './heavy-work.ts';

const bytes = (value: unknown) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value));

test('values are counted, and what is in strings is none', () => {
  expect(hasMoreValues(bytes(Array(100).fill(0)), 100)).toBe(false);
  expect(hasMoreValues(bytes(Array(101).fill(0)), 100)).toBe(true);
  expect(hasMoreValues(bytes(Array(101).fill({})), 100)).toBe(true);
  expect(hasMoreValues(bytes({ a: ',[{'.repeat(1000) }), 100)).toBe(false);
  expect(hasMoreValues(bytes({ a: '\\",[{'.repeat(1000), b: '\\' }), 100)).toBe(false);
  expect(hasMoreValues(bytes(`{"a":"${',"'.repeat(300)}`), 100)).toBe(true);
});

function post(body: Uint8Array, contentType = 'application/json'): ServerRequest {
  return {
    method: 'POST',
    path: '/',
    query: new URLSearchParams(),
    user: { name: 'u', groups: [] },
    accept: undefined,
    contentType,
    body: { type: 'bytes', read: async () => body },
    signal: new AbortController().signal,
    warn: () => undefined,
  };
}

async function read(request: ServerRequest, plural: string): Promise<unknown> {
  const { body } = guarded(request, { plural });
  return body.type === 'bytes' ? body.read() : undefined;
}

test.each([
  ['a quarter of a megabyte in one string', post(bytes({ data: { a: 'x'.repeat(250_000) } })), false],
  ['half a megabyte in one string', post(bytes({ data: { a: 'x'.repeat(500_000) } })), true],
  ['two thousand values', post(bytes({ data: Array(1990).fill(1) })), false],
  ['two and a half thousand values', post(bytes({ data: Array(2500).fill(1) })), true],
  ['two and a half thousand values as a patch', post(bytes(Array(2500).fill({})), 'application/json-patch+json'), true],
  ['long YAML', post(Buffer.alloc(40_000, 'a: b\n'), 'application/yaml'), true],
  ['long YAML that is JSON', post(bytes({ a: 'x'.repeat(40_000) }), 'application/apply-patch+yaml'), false],
  ['short YAML that nests deep', post(bytes(`a:\n- ${'[- '.repeat(301)}`), 'application/yaml'), true],
  ['the same in UTF-16', post(Buffer.from(`\ufeffa:\n${'- '.repeat(301)}`, 'utf16le'), 'application/yaml'), true],
  ['short YAML with many brackets', post(bytes('- [a]\n'.repeat(400)), 'application/yaml'), false],
  ['long protobuf', post(Buffer.alloc(40_000), 'application/vnd.kubernetes.protobuf'), true],
  ['a long rule', post(bytes({ rule: 'true && '.repeat(4000) })), true, 'customresourcedefinitions'],
  ['a long schedule', post(bytes({ schedule: '1,'.repeat(20_000) })), true, 'cronjobs'],
  ['a long token', post(bytes({ token: 'a.'.repeat(1_000_000) })), false, 'tokenreviews'],
])('%s is read here, or left to a thread', async (_what, request, heavy, plural = 'configmaps') => {
  const reading = read(request, plural);
  await (heavy ? expect(reading).rejects.toBe(heavyWork) : expect(reading).resolves.toBeDefined());
});

test('what is stored is heavy by its values, not by its bytes', () => {
  const item = (value: unknown) => ({ key: 'k', value: bytes(value), createRevision: 1, modRevision: 1 });
  expect(isHeavy(item({ a: 'x'.repeat(1_000_000) }), {})).toBe(false);
  expect(isHeavy(item(Array(20_000).fill(0)), {})).toBe(true);
});

test('what defaults make much of is heavy sooner, and again when they are gone', async () => {
  const kind = (growth: number) => ({ plural: 'many', custom: { growth } as CustomResource });
  const value = { spec: Array(900).fill({}) };
  const item = { key: 'k', value: bytes(value), createRevision: 1, modRevision: 1 };
  expect([0, 20, 0].map((growth) => isHeavy(item, kind(growth)))).toEqual([false, true, false]);
  const reading = (growth: number) => {
    const { body } = guarded(post(bytes(value)), kind(growth));
    return body.type === 'bytes' ? body.read() : undefined;
  };
  await expect(reading(20)).rejects.toBe(heavyWork);
  await expect(reading(0)).resolves.toBeDefined();
});

const manyItems = () => {
  const value = bytes({ data: { a: 'x'.repeat(1000) } });
  return Array.from({ length: 50_000 }, (_, i) => ({
    kv: { key: `${i}`, value, createRevision: 1, modRevision: 1 },
  }));
};

test('objects that nobody waits for any more are not looked at further', async () => {
  const gone = new AbortController();
  const looking = someHeavy(manyItems(), {}, gone.signal);
  gone.abort();
  await expect(looking).rejects.toThrow('aborted');
});

test('of many objects each turn of the event loop looks at some', async () => {
  await setImmediate();
  const items = manyItems();
  const { signal } = new AbortController();
  let turns = 0;
  let isDone = false;
  const looking = someHeavy(items, {}, signal).finally(() => {
    isDone = true;
  });
  for (; !isDone; turns++) await setImmediate();
  expect(await looking).toBe(false);
  expect(turns).toBeGreaterThan(5);
  const large = { ...items[0]?.kv, value: bytes(Array(20_000).fill(0)) } as (typeof items)[0]['kv'];
  expect(await someHeavy([...items.slice(0, 10), { kv: large }], {}, signal)).toBe(true);
});
