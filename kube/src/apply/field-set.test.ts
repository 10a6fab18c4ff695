import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  difference,
  type FieldSet,
  FieldSetBuilder,
  hasPath,
  inOrder,
  intersection,
  isEmptySet,
  pathsOf,
  readFieldSet,
  recursiveDifference,
  union,
} from './field-set.ts';

type Path = readonly string[];

const path = fc.array(fc.constantFrom('f:a', 'f:b', 'k:{"n":1}', 'v:"x"'), { minLength: 1, maxLength: 3 });
const paths = fc.array(path, { maxLength: 6 });

function setOf(list: readonly Path[]): FieldSet {
  const builder = new FieldSetBuilder();
  for (const each of list) {
    for (const element of each) builder.enter(element);
    builder.insert();
    for (const _ of each) builder.leave();
  }
  return builder.build();
}

const texts = (list: readonly Path[]) => [...new Set(list.map((each) => each.join(' ')))].sort();
const members = (set: FieldSet) => texts(pathsOf(set));
const starts = (long: string, short: string) => long === short || long.startsWith(`${short} `);

test('a set holds the paths that were put in, and no others', () => {
  fc.assert(
    fc.property(paths, path, (list, other) => {
      const set = setOf(list);
      expect(members(set)).toEqual(texts(list));
      expect(hasPath(set, other)).toBe(texts(list).includes(other.join(' ')));
      expect(isEmptySet(set)).toBe(list.length === 0);
    }),
  );
});

test('sets are joined, met and taken from each other as their paths are', () => {
  fc.assert(
    fc.property(paths, paths, (a, b) => {
      const [left, right] = [setOf(a), setOf(b)];
      const [own, other] = [texts(a), texts(b)];
      expect(members(union(left, right))).toEqual(texts([...a, ...b]));
      expect(members(intersection(left, right))).toEqual(own.filter((each) => other.includes(each)));
      expect(members(difference(left, right))).toEqual(own.filter((each) => !other.includes(each)));
      const rest = own.filter((each) => !other.some((short) => starts(each, short)));
      expect(members(recursiveDifference(left, right))).toEqual(rest);
    }),
  );
});

test('what takes nothing away answers the very set, and nothing changes the sets it works on', () => {
  fc.assert(
    fc.property(paths, paths, (a, b) => {
      const [left, right] = [setOf(a), setOf(b)];
      const before = JSON.stringify([left, right]);
      if (members(intersection(left, right)).length === 0) expect(difference(left, right)).toBe(left);
      if (texts(a).length > 0 && texts([...a, ...b]).length === texts(a).length) expect(union(left, right)).toBe(left);
      recursiveDifference(left, right);
      expect(JSON.stringify([left, right])).toBe(before);
    }),
  );
});

test('a set survives being written and read', () => {
  fc.assert(
    fc.property(paths, (list) => {
      const set = inOrder(setOf(list));
      expect(JSON.stringify(inOrder(readFieldSet(JSON.parse(JSON.stringify(set)))))).toBe(JSON.stringify(set));
    }),
  );
});

test('fields come before keys, values and indexes, and each among themselves by what they mean', () => {
  const elements = [
    'i:10',
    'i:9',
    'v:10',
    'v:9',
    'v:"a"',
    'v:true',
    'k:{"a":10}',
    'k:{"a":9}',
    'k:{"a":9,"b":1}',
    'f:b',
    'f:\u{1f600}',
    'f:\uffee',
  ];
  const set = Object.fromEntries(elements.map((element) => [element, {}]));
  expect(Object.keys(inOrder(set))).toEqual([
    'f:b',
    'f:\uffee',
    'f:\u{1f600}',
    'k:{"a":9}',
    'k:{"a":9,"b":1}',
    'k:{"a":10}',
    'v:9',
    'v:10',
    'v:"a"',
    'v:true',
    'i:9',
    'i:10',
  ]);
});

test.each([['a'], ['fa'], ['v:{'], ['k:[]'], ['i:x']])('%s is no path element', (key) => {
  expect(() => readFieldSet({ [key]: {} })).toThrow();
});
