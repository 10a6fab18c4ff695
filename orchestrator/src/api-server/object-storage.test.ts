import { FakeClock } from '@berth/kit';
import { expect, test } from 'vitest';
import { MemoryStore } from '../store/store.memory.ts';
import { turns } from './decoding/turns.ts';
import { ObjectStorage } from './object-storage.ts';
import { RecentValues } from './recent-values.ts';
import { definitions } from './resources/definitions.ts';
import { ObjectCodec } from './stored-object.ts';

async function aStorage(objects: number): Promise<ObjectStorage> {
  const definition = definitions.find(({ plural }) => plural === 'configmaps');
  if (!definition) throw new Error('no configmaps');
  const store = new MemoryStore({ clock: new FakeClock() });
  const codec = new ObjectCodec(definition, definition, new RecentValues());
  const storage = new ObjectStorage({ store, definition, codec, root: '/registry/configmaps' });
  for (let i = 0; i < objects; i++) await storage.create({ metadata: { namespace: 'n', name: `c${i}` } });
  return storage;
}

/** The order in which what waits for a turn each goes on, and the reading of a range, which began behind it. */
async function readBehind(storage: ObjectStorage, waiting: number): Promise<string[]> {
  const order: string[] = [];
  await turns.rest();
  const others = Array.from({ length: waiting }, async () => {
    await turns.rest();
    order.push('other');
  });
  const { objects } = await storage.range({ namespace: 'n' });
  order.push(`${objects.length} read`);
  await Promise.all(others);
  return order;
}

test('a range of a few is read at once, whoever waits for a turn: all would be let go on in the same one', async () => {
  const storage = await aStorage(2);
  expect(await readBehind(storage, 3)).toEqual(['2 read', 'other', 'other', 'other']);
  expect(await readBehind(storage, 3)).toEqual(['2 read', 'other', 'other', 'other']);
});

test('a range of many waits for its turn, also the first time', async () => {
  const storage = await aStorage(5000);
  expect((await readBehind(storage, 1)).at(0)).toBe('other');
  expect((await readBehind(storage, 1)).at(0)).toBe('other');
});

test('who asks for the same state has the same objects, and after a change others', async () => {
  const storage = await aStorage(3);
  const [first, second] = await Promise.all([storage.range({ namespace: 'n' }), storage.range({ namespace: 'n' })]);
  expect(second.objects).toBe(first.objects);
  expect((await storage.range({ namespace: 'n' })).objects).toBe(first.objects);
  expect((await storage.range({ namespace: 'n', limit: 2 })).objects).toHaveLength(2);
  expect((await storage.range({ namespace: '' })).objects).not.toBe(first.objects);
  await storage.create({ metadata: { namespace: 'n', name: 'd' } });
  expect((await storage.range({ namespace: 'n' })).objects).toHaveLength(4);
  expect(
    (await storage.range({ namespace: 'n', revision: first.revision })).objects.map(
      ({ object }) => object.metadata.name,
    ),
  ).toEqual(['c0', 'c1', 'c2']);
});

test('of one name nothing else is read, whatever others begin with it', async () => {
  const storage = await aStorage(12);
  const named = async (name: string, more = {}) => {
    const { objects, remaining } = await storage.range({ namespace: 'n', name, ...more });
    expect(remaining).toBe(0);
    return objects.map(({ object }) => object.metadata.name);
  };
  expect(await named('c1')).toEqual(['c1']);
  expect(await named('c10', { limit: 5 })).toEqual(['c10']);
  for (const none of ['c', '', 'c12']) expect(await named(none)).toEqual([]);
  expect(storage.listed.cache).toMatchObject({ lists: 5, read: 2 });
  const { revision } = storage;
  await storage.create({ metadata: { namespace: 'n', name: 'c' } });
  expect(await named('c')).toEqual(['c']);
  expect(await named('c', { revision })).toEqual([]);
});
