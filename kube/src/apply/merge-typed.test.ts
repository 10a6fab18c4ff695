import { expect, test } from 'vitest';
import { schemaFor } from '../schema.ts';
import { compareTyped } from './compare-typed.ts';
import { pathsOf } from './field-set.ts';
import { mergeTypeOf } from './merge-type.ts';
import { mergeTyped } from './merge-typed.ts';
import { openApiMergeType } from './open-api-merge-type.ts';
import { printPath } from './path-element.ts';
import { validateTyped } from './validate-typed.ts';

const pod = mergeTypeOf(schemaFor('', 'v1', 'Pod') as NonNullable<ReturnType<typeof schemaFor>>);
const containers = (...names: string[]) => ({ spec: { containers: names.map((name) => ({ name })) } });
const namesOf = (value: unknown) =>
  (value as ReturnType<typeof containers>).spec.containers.map(({ name }) => name).join('');

test.each([
  ['abc', 'c', 'abc'],
  ['abc', 'cb', 'acb'],
  ['abc', 'xc', 'abxc'],
  ['abc', 'cx', 'abcx'],
  ['', 'ab', 'ab'],
])('live %s and applied %s become %s', (live, applied, merged) => {
  expect(namesOf(mergeTyped(containers(...live), containers(...applied), pod))).toBe(merged);
});

test('what is owned as one is taken as one, everything else field by field', () => {
  const live = {
    metadata: { labels: { a: '1', b: '2' } },
    spec: { tolerations: [{ key: 'x' }], nodeSelector: { a: '1' } },
  };
  const applied = { metadata: { labels: { b: '3' } }, spec: { tolerations: [{ key: 'y' }], nodeSelector: { b: '2' } } };
  expect(mergeTyped(live, applied, pod)).toEqual({
    metadata: { labels: { a: '1', b: '3' } },
    spec: { tolerations: [{ key: 'y' }], nodeSelector: { b: '2' } },
  });
});

test('a comparison tells what was written and what is gone', () => {
  const before = {
    metadata: { labels: { a: '1', __proto__: 'x' } },
    spec: { containers: [{ name: 'a', image: 'i' }, { name: 'b' }] },
  };
  const after = {
    metadata: { labels: { a: '2', constructor: 'y' } },
    spec: { containers: [{ name: 'a', image: 'i', tty: true }] },
  };
  const { written, removed } = compareTyped(before, after, pod);
  expect(pathsOf(written).map(printPath)).toEqual([
    '.metadata.labels.a',
    '.metadata.labels.constructor',
    '.spec.containers[name="a"].tty',
  ]);
  expect(pathsOf(removed).map(printPath)).toEqual(['.spec.containers[name="b"]', '.spec.containers[name="b"].name']);
});

test.each([
  [
    { spec: { containers: [{ name: 'a', image: 1 }] } },
    '.spec.containers[name="a"].image: expected string, got &value.valueUnstructured{Value:1}',
  ],
  [{ spec: { nodeName: 2_000_000 } }, '.spec.nodeName: expected string, got &value.valueUnstructured{Value:2000000}'],
  [{ spec: { nodeName: ['\x7f', 2e6 + 0.5] } }, 'Value:[]interface {}{"\\x7f", 2.0000005e+06}}'],
  [{ spec: { containers: [{ name: 'a' }, { name: 'a' }] } }, '.spec.containers: duplicate entries for key [name="a"]'],
  [{ spec: { containers: { a: 1 } } }, '.spec.containers: expected list, got &{map[a:1]}'],
  [{ spec: { hostNetwork: 'yes' } }, '.spec.hostNetwork: expected boolean, got &{yes}'],
  [{ spec: { priority: '1' } }, '.spec.priority: expected numeric (int or float), got string'],
  [{ spec: { nothing: 1 } }, '.spec.nothing: field not declared in schema'],
  [
    { spec: { hostNetwork: 1, priority: [] } },
    'errors:\n  .spec.hostNetwork: expected boolean, got &{1}\n  .spec.priority: expected numeric (int or float), got []interface {}',
  ],
])('%j does not fit, and why is told', (value, why) => {
  expect(() => validateTyped({ value, type: pod })).toThrow(why);
});

test('a schema that refers to itself is read as far as it is needed', () => {
  const type = openApiMergeType({
    type: 'object',
    properties: {
      spec: { type: 'object', 'x-kubernetes-embedded-resource': true, 'x-kubernetes-preserve-unknown-fields': true },
    },
  });
  const embedded = { spec: { metadata: { finalizers: ['a'] }, anything: { x: [1] } } };
  validateTyped({ value: embedded, type });
  expect(mergeTyped(embedded, { spec: { metadata: { finalizers: ['b'] } } }, type)).toEqual({
    spec: { metadata: { finalizers: ['a', 'b'] }, anything: { x: [1] } },
  });
});

test('an object whose schema names no fields has its own alone, anything else in it may have any', () => {
  const type = openApiMergeType({ type: 'object' });
  validateTyped({ value: { apiVersion: 'v1', kind: 'Foo', metadata: { name: 'f' } }, type });
  expect(() => validateTyped({ value: { spec: 1 }, type })).toThrow('.spec: field not declared in schema');
  validateTyped({ value: { spec: 1 }, type: openApiMergeType({ type: 'object' }, true) });
  validateTyped({
    value: { spec: { a: 1 } },
    type: openApiMergeType({ type: 'object', properties: { spec: { type: 'object' } } }),
  });
});
