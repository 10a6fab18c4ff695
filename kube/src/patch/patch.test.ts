import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseJsonStrict } from '../parse-json.ts';
import { schemaFor } from '../schema.ts';
import { applyMergePatch } from './json-merge-patch.ts';
import { applyJsonPatch } from './json-patch.ts';
import { applyStrategicMergePatch } from './strategic-merge-patch.ts';

const pod = schemaFor('', 'v1', 'Pod')!;
const node = schemaFor('', 'v1', 'Node')!;
const names = (...list: string[]) => list.map((name) => ({ name }));
const containersOf = (object: unknown) => (object as { spec: { containers: unknown[] } }).spec.containers;

function patchContainers(live: unknown[], patch: Record<string, unknown>) {
  return containersOf(applyStrategicMergePatch({ spec: { containers: live } }, { spec: patch }, pod));
}

test.each([
  ['new items come before the live ones', names('a', 'b'), { containers: names('c') }, ['c', 'a', 'b']],
  [
    'the order directive wins',
    names('a', 'b', 'c'),
    { '$setElementOrder/containers': names('c', 'a') },
    ['b', 'c', 'a'],
  ],
  [
    'server-only items keep their place',
    names('x', 'a', 'y', 'b'),
    { '$setElementOrder/containers': names('b', 'a'), containers: names('b') },
    ['x', 'y', 'b', 'a'],
  ],
  ['deleting one keeps the others', names('a', 'b'), { containers: [{ name: 'a', $patch: 'delete' }] }, ['b']],
  ['replacing takes the patch only', names('a', 'b'), { containers: [{ $patch: 'replace' }, { name: 'z' }] }, ['z']],
  [
    'deleting with an order',
    names('a', 'b', 'c'),
    { '$setElementOrder/containers': names('a', 'c'), containers: [{ name: 'b', $patch: 'delete' }] },
    ['a', 'c'],
  ],
])('strategic merge: %s', (_, live, patch, expected) => {
  expect(patchContainers(live, patch)).toEqual(names(...expected));
});

test('lists of scalars merge without repeats, and lose what is deleted from them', () => {
  const object = { metadata: { finalizers: ['a', 'b', 'c'] } };
  const merged = applyStrategicMergePatch(object, { metadata: { finalizers: ['c', 'd'] } }, pod);
  expect(merged).toEqual({ metadata: { finalizers: ['a', 'b', 'c', 'd'] } });
  const patch = {
    metadata: { '$deleteFromPrimitiveList/finalizers': ['a'], '$setElementOrder/finalizers': ['c', 'b'] },
  };
  expect(applyStrategicMergePatch(object, patch, pod)).toEqual({ metadata: { finalizers: ['c', 'b'] } });
});

test('maps in a list without a merge key are not merged', () => {
  const live = { spec: { tolerations: [{ key: 'k' }] } };
  const patch = { spec: { '$deleteFromPrimitiveList/tolerations': [{ key: 'z' }] } };
  const words = 'cannot merge lists without merge key for struct';
  expect(() => applyStrategicMergePatch(live, patch, pod)).toThrow(words);
});

test('to delete maps from a list as scalars is to merge them, as upstream does', () => {
  const merged = patchContainers(names('a', 'b'), {
    '$deleteFromPrimitiveList/containers': [{ name: 'a', image: 'i' }],
  });
  expect(merged).toEqual([{ name: 'a', image: 'i' }, { name: 'b' }]);
  const none = patchContainers([], { '$deleteFromPrimitiveList/containers': [] });
  expect(none).toEqual([]);
});

test('a list without a merge strategy is replaced, a map is merged, null removes', () => {
  const object = {
    spec: { taints: [{ key: 'a', effect: 'X' }], unschedulable: true },
    metadata: { labels: { a: '1' } },
  };
  const patch = {
    spec: { taints: [{ key: 'b', effect: 'Y' }], unschedulable: null },
    metadata: { labels: { b: '2' } },
  };
  expect(applyStrategicMergePatch(object, patch, node)).toEqual({
    spec: { taints: [{ key: 'b', effect: 'Y' }] },
    metadata: { labels: { a: '1', b: '2' } },
  });
});

test('retainKeys clears the other keys and must name every key given', () => {
  const live = { spec: { volumes: [{ name: 'v', emptyDir: {} }] } };
  const patched = applyStrategicMergePatch(
    live,
    { spec: { volumes: [{ name: 'v', $retainKeys: ['name', 'hostPath'], hostPath: { path: '/x' } }] } },
    pod,
  );
  expect(patched).toEqual({ spec: { volumes: [{ name: 'v', hostPath: { path: '/x' } }] } });
  const wrong = { spec: { volumes: [{ name: 'v', $retainKeys: ['name'], hostPath: { path: '/x' } }] } };
  expect(() => applyStrategicMergePatch(live, wrong, pod)).toThrow('invalid patch format of retainKeys');
});

test.each([
  [{ $patch: 'explode' }, 'unknown patch type: explode in map: map[$patch:explode]'],
  [{ $patch: null }, 'unknown patch type: %!s(<nil>) in map: map[$patch:<nil>]'],
  [{ $patch: 1 }, 'unknown patch type: %!s(int64=1) in map: map[$patch:1]'],
  [
    { spec: { '$setElementOrder/containers': [], containers: 'x' } },
    'expected a []interface {}, but received a string',
  ],
  [
    { spec: { '$setElementOrder/containers': {} } },
    'expected a []interface {}, but received a map[string]interface {}',
  ],
  [{ spec: { '$setElementOrder/containers': null } }, 'expected a []interface {}, but received a %!s(<nil>)'],
  [
    { spec: { '$setElementOrder/containers': [{}], containers: names('a') } },
    'map: map[] does not contain declared merge key: name',
  ],
  [
    { spec: { '$setElementOrder/containers': names('a'), containers: [...names('a'), { $patch: 'replace' }] } },
    "doesn't match $setElementOrder list",
  ],
  // What is no map in the order is met where it is looked for, or where an item of the patch is held against it.
  [{ spec: { '$setElementOrder/containers': [{ name: 'b' }, 'x'] } }, 'value for key 1 is not a map'],
  [
    { spec: { '$setElementOrder/containers': [{ name: 'a' }, 'x'] } },
    'expected a map[string]interface {}, but received a string',
  ],
  [
    { spec: { '$setElementOrder/containers': [null], containers: names('a') } },
    'expected a map[string]interface {}, but received a %!s(<nil>)',
  ],
  [{ spec: { '$setElementOrder/containers': ['x'], containers: [] } }, 'value for key 0 is not a map'],
  [
    { spec: { '$setElementOrder/containers': names('a'), containers: ['x'] } },
    'expected a map[string]interface {}, but received a string',
  ],
  [
    { spec: { '$setElementOrder/containers': [{ name: 'a' }, {}] } },
    'map: map[] does not contain declared merge key: name',
  ],
  [{ spec: { '$deleteFromPrimitiveList/': ['y'] } }, 'invalid patch format of primitive list'],
  [{ spec: { $deleteFromPrimitiveLists: ['y'] } }, 'invalid patch format of primitive list'],
  [{ spec: { $setElementOrder$containers: [], containers: [] } }, 'invalid patch format of setElementOrder list'],
  [
    { spec: { '$setElementOrder/containers': names('a'), containers: names('b') } },
    "doesn't match $setElementOrder list",
  ],
  [{ spec: { containers: [{ name: 'a' }, 'b'] } }, 'list element types are not identical'],
  [
    { spec: { '$deleteFromPrimitiveList/containers': ['a'] } },
    'list element types are not identical: [[map[name:a]] [a]]',
  ],
  [{ spec: { containers: [['b']] } }, 'list element types are not identical: [[map[name:a]] [[b]]]'],
  [
    { spec: { '$deleteFromPrimitiveList/containers': [{ image: 'q' }] } },
    'map: map[image:q] does not contain declared merge key: name',
  ],
  [[], 'invalid JSON document'],
])('%# a malformed strategic patch is refused', (patch, words) => {
  expect(() => applyStrategicMergePatch({ spec: { containers: names('a') } }, patch, pod)).toThrow(words);
});

test('no patch changes its arguments', () => {
  const object = Object.freeze({
    spec: Object.freeze({ containers: Object.freeze(names('a', 'b').map(Object.freeze)) }),
  });
  const patch = {
    spec: {
      containers: [
        { name: 'a', $patch: 'delete' },
        { name: 'c', env: null },
      ],
    },
  };
  const before = structuredClone(patch);
  // What is new in a list is taken as it is; reading the object drops the null.
  expect(containersOf(applyStrategicMergePatch(object, patch, pod))).toEqual([{ name: 'c', env: null }, { name: 'b' }]);
  expect(patch).toEqual(before);
  expect(applyMergePatch(object, { spec: null })).toEqual({});
  expect(applyJsonPatch({ a: [1] }, [{ op: 'add', path: '/a/-', value: 2 }])).toEqual({ a: [1, 2] });
});

function inOrder(_: string, value: unknown): unknown {
  return typeof value === 'object'
    ? Object.fromEntries(Object.entries(value as object).toSorted(([a], [b]) => (a < b ? -1 : 1)))
    : value;
}

test('a merge patch into a copy of itself gives the patch, without its nulls', () => {
  const json = fc.letrec((tie) => ({
    value: fc.oneof(fc.string(), fc.integer(), tie('object')),
    object: fc.dictionary(fc.oneof(fc.string(), fc.constant('__proto__')), tie('value'), { maxKeys: 4 }),
  })).object;
  fc.assert(
    fc.property(json, json, (object, patch) => {
      const once = applyMergePatch(object, patch);
      expect(JSON.stringify(applyMergePatch(once, patch))).toBe(JSON.stringify(once));
      expect(JSON.stringify(applyMergePatch({}, patch))).toBe(JSON.stringify(patch, inOrder));
    }),
  );
});

test.each([
  [
    { op: 'add', path: '/a/1', value: 9 },
    { a: [1, 9, 2], b: { c: 3 } },
  ],
  // external-snapshotter replaces annotations that an object has none of.
  [
    { op: 'replace', path: '/b/x', value: { y: 1 } },
    { a: [1, 2], b: { c: 3, x: { y: 1 } } },
  ],
  [
    { op: 'copy', from: '/b/x', path: '/b/y' },
    { a: [1, 2], b: { c: 3, y: null } },
  ],
  [
    { op: 'replace', path: '/a/-1', value: 9 },
    { a: [1, 9], b: { c: 3 } },
  ],
  [
    { op: 'add', path: '/a/-1', value: 9 },
    { a: [1, 2, 9], b: { c: 3 } },
  ],
  [
    { op: 'remove', path: '/b/c' },
    { a: [1, 2], b: {} },
  ],
  [
    { op: 'replace', path: '/a/0', value: 7 },
    { a: [7, 2], b: { c: 3 } },
  ],
  [
    { op: 'move', from: '/b/c', path: '/d' },
    { a: [1, 2], b: {}, d: 3 },
  ],
  [
    { op: 'copy', from: '/a', path: '/b/a' },
    { a: [1, 2], b: { c: 3, a: [1, 2] } },
  ],
  [
    { op: 'test', path: '/b', value: { c: 3 } },
    { a: [1, 2], b: { c: 3 } },
  ],
  [{ op: 'replace', path: '', value: {} }, {}],
])('JSON patch %j', (operation, expected) => {
  expect(applyJsonPatch({ a: [1, 2], b: { c: 3 } }, [operation])).toEqual(expected);
});

test.each([
  { op: 'add', path: '/a/5', value: 1 },
  { op: 'add', path: '/x/y', value: 1 },
  { op: 'remove', path: '/x' },
  { op: 'replace', path: '/x/y', value: 1 },
  { op: 'replace', path: '/a/2', value: 1 },
  { op: 'replace', path: '/a/-', value: 1 },
  { op: 'remove', path: '/a/-3' },
  { op: 'add', path: '/a/-4', value: 1 },
  { op: 'add', path: '', value: 1 },
  { op: 'replace', path: '', value: 1 },
  { op: 'copy', from: '', path: '/x' },
  { op: 'remove', path: '' },
  { op: 'move', from: '/x', path: '/y' },
  { op: 'test', path: '/b/c', value: 4 },
  { op: 'move', from: '/b', path: '/b/c' },
  { op: 'add', path: 'a', value: 1 },
  { op: 'add', path: '/__proto__/x', value: 1 },
])('JSON patch %j does not apply', (operation) => {
  expect(() => applyJsonPatch({ a: [1, 2], b: { c: 3 } }, [operation])).toThrow(
    'the server rejected our request due to an error in our request',
  );
});

test('a JSON patch has ten thousand operations at most', () => {
  const operations = (count: number) => Array.from({ length: count }, () => ({ op: 'test', path: '/a', value: 1 }));
  expect(applyJsonPatch({ a: 1 }, operations(10_000))).toEqual({ a: 1 });
  expect(() => applyJsonPatch({ a: 1 }, operations(10_001))).toThrow(
    'Request entity too large: The allowed maximum operations in a JSON patch is 10000, got 10001',
  );
});

// evanphx/json-patch 4.12 merge.go.
test.each([
  ['a list that was not there', {}, [{ a: null, b: [{ c: null, d: 1 }] }, null], [{ b: [{ d: 1 }] }, null]],
  ['a list in the place of another', { x: [{ a: 1 }] }, [{ a: null }], [{}]],
  ['a list in the place of a text', { x: 'y' }, [[{ a: null }]], [[{}]]],
  ['not a list in the place of an object', { x: {} }, [{ a: null }], [{ a: null }]],
])('a merge patch takes nulls out of objects of %s', (_, object, list, expected) => {
  expect(applyMergePatch(object, { x: list })).toEqual({ x: expected });
  expect(applyMergePatch({ o: object }, { o: { x: list } })).toEqual({ o: { x: expected } });
});

test('what JSON and merge patches went through has its members in order, as Go writes a map; all else keeps its own', () => {
  const object = { z: { b: 1, a: { d: 1, c: 2 } }, y: { b: 1, a: 2 } };
  expect(JSON.stringify(applyJsonPatch(object, [{ op: 'add', path: '/z/c', value: { n: 1, m: 2 } }]))).toBe(
    '{"y":{"b":1,"a":2},"z":{"a":{"d":1,"c":2},"b":1,"c":{"n":1,"m":2}}}',
  );
  expect(JSON.stringify(applyMergePatch(object, { z: { c: { n: 1, m: 2 } } }))).toBe(
    '{"y":{"b":1,"a":2},"z":{"a":{"d":1,"c":2},"b":1,"c":{"m":2,"n":1}}}',
  );
});

test.each([
  ['1', '1', true],
  ['1', '1.0', false],
  ['1.0', '1.0', true],
  ['{"a":[1,{"b":2e0}],"c":null}', '{"c":null,"a":[1,{"b":2e0}]}', true],
  ['{"a":[1,{"b":2e0}]}', '{"a":[1,{"b":2}]}', false],
  ['[1,2]', '[2,1]', false],
  ['"1"', '1', false],
  ['{}', '[]', false],
  ['null', '{}', false],
])('a JSON patch that adds %s and tests for %s applies: %s', (added, tested, applies) => {
  const patch = parseJsonStrict(
    `[{"op":"add","path":"/x","value":${added}},{"op":"test","path":"/x","value":${tested}}]`,
  ).value;
  const apply = () => applyJsonPatch({}, patch);
  if (applies) expect(apply).not.toThrow();
  else expect(apply).toThrow('the server rejected our request due to an error in our request');
});

test('a JSON patch of many operations on a large map costs little more than one', () => {
  const large = Object.fromEntries(Array.from({ length: 20_000 }, (_, i) => [`k${i}`, '']));
  const cpuMs = (count: number) => {
    const patch = Array.from({ length: count }, (_, i) => ({ op: 'replace', path: `/data/k${i}`, value: 'new' }));
    const before = process.threadCpuUsage();
    const patched = applyJsonPatch({ data: large }, patch) as { data: Record<string, string> };
    const { user, system } = process.threadCpuUsage(before);
    expect(Object.values(patched.data).filter((value) => value === 'new')).toHaveLength(count);
    return (user + system) / 1000;
  };
  cpuMs(1);
  expect(cpuMs(2000)).toBeLessThan(20 * cpuMs(1) + 50);
});
