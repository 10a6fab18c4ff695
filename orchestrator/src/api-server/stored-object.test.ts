import { expect, test } from 'vitest';
import type { KeyValue } from '../store/store.ts';
import { RecentValues } from './recent-values.ts';
import { definitions } from './resources/definitions.ts';
import { encodeObject, ObjectCodec } from './stored-object.ts';

function aCodec() {
  const definition = definitions.find(({ plural }) => plural === 'configmaps');
  if (!definition) throw new Error('no configmaps');
  return new ObjectCodec(definition, definition, new RecentValues());
}

function aValue(): KeyValue {
  const value = encodeObject({ kind: 'ConfigMap', apiVersion: 'v1', metadata: { name: 'a' }, data: { k: 'v' } });
  return { key: '/registry/configmaps/n/a', value, createRevision: 3, modRevision: 7 };
}

test('an object is decoded once for all who look at it, in both forms', () => {
  const codec = aCodec();
  const kv = aValue();
  const { object, plain } = codec.view(kv);
  expect(object).toMatchObject({ metadata: { name: 'a', resourceVersion: '7' }, data: { k: 'v' } });
  expect(codec.view(kv).object).toBe(object);
  expect(codec.view(kv).plain).toBe(plain);
});

test('the same value at another revision is another object', () => {
  const codec = aCodec();
  const kv = aValue();
  const { object } = codec.view(kv);
  expect(codec.view({ ...kv, modRevision: 8 }).object).not.toBe(object);
});

test('two codecs that read an item by turns decode it once each, and no more of them are kept', () => {
  const [first, second, third] = [aCodec(), aCodec(), aCodec()];
  const kv = aValue();
  const objects = [first, second].map((codec) => codec.view(kv).object);
  expect(objects[0]).not.toBe(objects[1]);
  expect([first, second].map((codec) => codec.view(kv).object === objects[first === codec ? 0 : 1])).toEqual([
    true,
    true,
  ]);
  const other = third.view(kv).object;
  expect(second.view(kv).object).toBe(objects[1]);
  expect(third.view(kv).object).toBe(other);
  expect(first.view(kv).object).not.toBe(objects[0]);
});

test('what is sent as it is stored is not decoded', () => {
  const codec = aCodec();
  let decoded = 0;
  codec.decode = () => {
    decoded++;
    throw new Error('decoded');
  };
  const view = codec.view(aValue());
  expect(JSON.parse(Buffer.from(view.json()).toString()).metadata.resourceVersion).toBe('7');
  expect(decoded).toBe(0);
});
