import { expect, test } from 'vitest';
import type { KeyValue } from '../../../store/store.ts';
import type { ResourceDefinition } from '../../resource-definition.ts';
import { splicedBytes } from '../../splice.ts';
import { aCodec } from './custom-codec.harness.ts';
import type { CustomForm } from './custom-form.ts';

test('what only some need of a definition is not made for its codec: of a large schema it takes long', () => {
  const definition = {
    group: 'example.com',
    version: 'v2',
    kind: 'Foo',
    get merge(): never {
      throw new Error('made');
    },
  } as unknown as ResourceDefinition;
  const codec = aCodec(definition);
  const value = codec.encode({ metadata: { name: 'a' } });
  expect(Buffer.from(value).toString()).toBe('{"kind":"Foo","apiVersion":"example.com/v1","metadata":{"name":"a"}}');
  const { object } = codec.view({ key: 'k', value, createRevision: 1, modRevision: 2 });
  expect(object).toEqual({ kind: 'Foo', apiVersion: 'example.com/v2', metadata: { name: 'a', resourceVersion: '2' } });
});

test('what is as its schema says is compared with that once, wherever its bytes are by then', () => {
  let settled = 0;
  const form = { settle: () => settled++, fill: () => undefined } as unknown as CustomForm;
  const definition = { group: 'example.com', version: 'v1', kind: 'Foo' } as ResourceDefinition;
  const forms = new Map([['v1', form]]);
  const codec = aCodec(definition, forms);
  const value = Buffer.from('{"kind":"Foo","apiVersion":"example.com/v1","metadata":{"name":"a"}}');
  const kv = { key: 'k', value: new Uint8Array(value), createRevision: 1, modRevision: 2 };
  const shown = (item: KeyValue) => splicedBytes(codec.splice(codec.view(item))).toString();
  const expected = value.toString().replace('"metadata":{', '"metadata":{"resourceVersion":"2",');
  expect([shown(kv), settled]).toEqual([expected, 1]);
  // As the store packs values.
  kv.value = new Uint8Array(value);
  expect([shown(kv), settled]).toEqual([expected, 1]);
  // As the store tells of a deletion.
  expect([shown({ ...kv, modRevision: 3 }), settled]).toEqual([expected.replace('"2"', '"3"'), 1]);
  expect([shown({ ...kv, value: new Uint8Array(value) }), settled]).toEqual([expected, 2]);
});
