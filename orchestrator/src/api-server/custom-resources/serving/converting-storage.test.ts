import { FakeClock } from '@berth/kit';
import { expect, test } from 'vitest';
import { MemoryStore } from '../../../store/store.memory.ts';
import type { AnyObject, ResourceDefinition } from '../../resource-definition.ts';
import { encodeObject } from '../../stored-object.ts';
import { ConvertingStorage } from './converting-storage.ts';
import { aCodec } from './custom-codec.harness.ts';

async function aList(sizes: readonly number[]) {
  const definition = { group: 'example.com', version: 'v2', kind: 'Foo', rules: {} } as ResourceDefinition;
  const store = new MemoryStore({ clock: new FakeClock() });
  for (const [i, size] of sizes.entries()) {
    const metadata = { name: `f${i}`, namespace: 'n' };
    const value = encodeObject({ kind: 'Foo', apiVersion: 'example.com/v1', metadata, text: 'x'.repeat(size) });
    await store.write({ key: `/registry/example.com/foos/n/f${String(i).padStart(5, '0')}`, value });
  }
  const asked: number[] = [];
  const convert = async (objects: readonly AnyObject[], version: string) => {
    asked.push(objects.length);
    return objects.map((object) => ({ ...object, apiVersion: `example.com/${version}`, converted: true }));
  };
  const codec = aCodec(definition);
  const root = '/registry/example.com/foos';
  const storage = new ConvertingStorage({ store, definition, codec, root, convert, storageVersion: 'v1' });
  const { objects } = await storage.range({ namespace: 'n' });
  return { asked, objects: objects.map(({ object }) => object) };
}

test.each([
  ['few objects are converted at once', Array(500).fill(10), [500]],
  ['many are by several requests', Array(1201).fill(10), [500, 500, 201]],
  ['and so are large ones', [10, 100_000, 100_000, 100_000, 900_000, 10, 10], [3, 1, 1, 2]],
  ['none are not asked about', [], []],
])('%s', async (_, sizes, requests) => {
  const { asked, objects } = await aList(sizes);
  expect(asked).toEqual(requests);
  expect(objects.map(({ metadata, apiVersion, converted }) => [metadata.name, apiVersion, converted])).toEqual(
    sizes.map((_size, i) => [`f${i}`, 'example.com/v2', true]),
  );
});
