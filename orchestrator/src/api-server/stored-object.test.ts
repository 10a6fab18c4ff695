import { expect, test } from 'vitest';
import type { KeyValue } from '../store/store.ts';
import { definitions } from './resources/definitions.ts';
import { encodeObject, ObjectCodec } from './stored-object.ts';

function aCodec() {
  const definition = definitions.find(({ plural }) => plural === 'configmaps');
  if (!definition) throw new Error('no configmaps');
  return new ObjectCodec(definition, definition, new WeakMap());
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
