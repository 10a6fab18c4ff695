import { expect, test } from 'vitest';
import { Correlated } from './correlated.ts';

const named = { type: 'object', properties: { a: { type: 'string' } } };
const keyed = {
  type: 'array',
  'x-kubernetes-list-type': 'map',
  'x-kubernetes-list-map-keys': ['a'],
  items: named,
};

// What kube-apiserver 1.36.3 forgives of values that an update leaves as they were.
test.each([
  ['members that the schema names', { a: 'x' }, { a: 'x' }, named, true],
  ['members of a map', { z: 'x' }, { z: 'x' }, { type: 'object', additionalProperties: { type: 'string' } }, true],
  [
    'members that it only keeps',
    { z: 'x' },
    { z: 'x' },
    { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
    false,
  ],
  ['an object of another type', { z: 'x' }, { z: 'x' }, { type: 'number' }, false],
  ['an empty object', {}, {}, { type: 'number' }, true],
  ['a list as one value', [{ z: 1 }], [{ z: 1 }], { type: 'array', items: named }, true],
  ['items by their keys, in another order', [{ a: '1' }, { a: '2' }], [{ a: '2' }, { a: '1' }], keyed, true],
  ['an item that was not there', [{ a: '1' }], [{ a: '2' }], keyed, false],
  ['a scalar', 1, 1, { type: 'string' }, true],
  ['another scalar', 1, 2, { type: 'integer' }, false],
])('%s: whether they are unchanged', (_, value, old, schema, expected) => {
  expect(new Correlated(value, old, schema).isUnchanged).toBe(expected);
});
