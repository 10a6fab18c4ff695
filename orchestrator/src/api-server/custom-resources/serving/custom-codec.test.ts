import { expect, test } from 'vitest';
import type { ResourceDefinition } from '../../resource-definition.ts';
import { CustomCodec } from './custom-codec.ts';

test('what only some need of a definition is not made for its codec: of a large schema it takes long', () => {
  const definition = {
    group: 'example.com',
    version: 'v2',
    kind: 'Foo',
    get merge(): never {
      throw new Error('made');
    },
  } as unknown as ResourceDefinition;
  const codec = new CustomCodec({ definition, storageVersion: 'v1', written: new WeakMap(), forms: new Map() });
  const value = codec.encode({ metadata: { name: 'a' } });
  expect(Buffer.from(value).toString()).toBe('{"kind":"Foo","apiVersion":"example.com/v1","metadata":{"name":"a"}}');
  const { object } = codec.view({ key: 'k', value, createRevision: 1, modRevision: 2 });
  expect(object).toEqual({ kind: 'Foo', apiVersion: 'example.com/v2', metadata: { name: 'a', resourceVersion: '2' } });
});
