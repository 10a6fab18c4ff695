import fc from 'fast-check';
import { expect, test } from 'vitest';
import { FieldSelector } from './field-selector.ts';
import { LabelSelector } from './label-selector.ts';

const labels = { app: 'web', tier: 'front', n: '5', empty: '' };

test.each([
  ['', true],
  ['app=web', true],
  ['app==web,tier!=back', true],
  ['app in (db,web)', true],
  ['app notin (db)', true],
  ['other notin (db)', true],
  ['other!=x', true],
  ['app', true],
  ['!app', false],
  ['!other', true],
  ['n>4,n<6', true],
  ['n>5', false],
  ['app>1', false],
  ['empty=', true],
  ['empty in (,x)', true],
  ['app in ()', false],
  ['in in (in),app', false],
  ['toString', false],
  ['  app  =  web  ,  tier ', true],
  ['empty=\0', true],
  ['app=web\0,tier=back', false],
  ['app=web \0,tier=back', true],
])('%j selects: %s', (text, expected) => {
  expect(LabelSelector.parse(text).matches(labels)).toBe(expected);
});

test.each([
  ['a=b c', "found 'c', expected: ',' or 'end of string'"],
  ['a,', "found '', expected: identifier after ','"],
  [',a', "found ',', expected: !, identifier, or 'end of string'"],
  ['a in b', "unable to parse requirement: found 'b' expected: '('"],
  ['a in (b', "unable to parse requirement: found '', expected: ',' or ')'"],
  ['a b', "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"],
  ['a=(', "unable to parse requirement: found '(', expected: identifier"],
  ['a>x', 'must be an integer'],
  ['-a', 'unable to parse requirement: <nil>: Invalid value: "-a": name part must consist of alphanumeric'],
  ['\x01', 'unable to parse requirement: <nil>: Invalid value: "\\x01": name part'],
  ['a=\x7f\ufeff', 'values[0][a]: Invalid value: "\\x7f\\ufeff": a valid label'],
  ['a=b\0c', "found 'c', expected: ',' or 'end of string'"],
  ['a=b&', 'a valid label must be an empty string or consist of'],
  ['a=b&,c', 'unable to parse requirement: values[0][a]: Invalid value: "b&"'],
  ['a=b&,c in', 'unable to parse requirement: values[0][a]: Invalid value: "b&"'],
])('%j is refused: %s', (text, words) => {
  expect(() => LabelSelector.parse(text)).toThrow(words);
});

test('a missing selector object selects nothing, an empty one everything', () => {
  expect(LabelSelector.fromObject(undefined).matches(labels)).toBe(false);
  expect(LabelSelector.fromObject({}).matches(undefined)).toBe(true);
  const selector = LabelSelector.fromObject({
    matchLabels: { app: 'web' },
    matchExpressions: [
      { key: 'tier', operator: 'In', values: ['front', 'back'] },
      { key: 'gone', operator: 'DoesNotExist' },
    ],
  });
  expect(selector.matches(labels)).toBe(true);
  expect(selector.toString()).toBe('app=web,!gone,tier in (back,front)');
  expect(() => LabelSelector.fromObject({ matchExpressions: [{ key: 'a', operator: 'Like' }] })).toThrow(
    '"Like" is not a valid label selector operator',
  );
});

test('the text of a selector parses to the same selector', () => {
  const word = fc.stringMatching(/^[a-z][a-z0-9]{0,4}$/);
  const requirement = fc.oneof(
    fc.tuple(word, word).map(([k, v]) => `${k}=${v}`),
    fc.tuple(word, word).map(([k, v]) => `${k}!=${v}`),
    fc.tuple(word, fc.array(word, { minLength: 1 })).map(([k, v]) => `${k} in (${v.join(',')})`),
    fc.tuple(word, fc.array(word, { minLength: 1 })).map(([k, v]) => `${k} notin (${v.join(',')})`),
    word.map((k) => `!${k}`),
    word,
  );
  fc.assert(
    fc.property(fc.array(requirement), fc.dictionary(word, word), (terms, object) => {
      const selector = LabelSelector.parse(terms.join(','));
      const again = LabelSelector.parse(selector.toString());
      expect(again).toEqual(selector);
      expect(again.matches(object)).toBe(terms.every((term) => LabelSelector.parse(term).matches(object)));
    }),
  );
});

test('field selectors compare fields, unescaping values', () => {
  const selector = FieldSelector.parse('metadata.name=a,status.phase!=Running,spec.x==b\\,c\\=d');
  const fields: Record<string, string> = { 'metadata.name': 'a', 'status.phase': 'Pending', 'spec.x': 'b,c=d' };
  expect(selector.matches((field) => fields[field])).toBe(true);
  expect(selector.exact('metadata.name')).toBe('a');
  expect(selector.exact('status.phase')).toBeUndefined();
  expect(FieldSelector.parse(selector.toString())).toEqual(selector);
  expect(FieldSelector.parse('').isEmpty).toBe(true);
});

test('a field selector that is none is refused in the words of Kubernetes', () => {
  expect(() => FieldSelector.parse('abc')).toThrow("invalid selector: 'abc'; can't understand 'abc'");
  expect(() => FieldSelector.parse('a=b=c')).toThrow('invalid field selector: unescaped character in value: 61');
  expect(() => FieldSelector.parse('a=b\\c')).toThrow('invalid field selector: invalid escape sequence: \\c');
  expect(() => FieldSelector.parse('a=b\\')).toThrow('invalid field selector: invalid escape sequence: \\');
  expect(() => FieldSelector.parse('a=b\\😀')).toThrow('invalid field selector: invalid escape sequence: \\😀');
  expect(() => FieldSelector.parse('a=b=\\c')).toThrow('invalid field selector: unescaped character in value: 61');
});

test('commas behind a pair of backslashes part terms, others do not', () => {
  const read = (text: string) => FieldSelector.parse(text).requirements.map(({ field, value }) => [field, value]);
  expect(read('a=\\\\,b=\\,,,c=\\\\\\,')).toEqual([
    ['a', '\\'],
    ['b', ','],
    ['c', '\\,'],
  ]);
});

test.each([
  ['a=b,', 60_000],
  ['!a,', 60_000],
])('60,000 times %j is read in steps of a few hundred', (term, count) => {
  const steps = LabelSelector.parseInSteps(`${term.repeat(count)}c`);
  const read: number[] = [];
  let step = steps.next();
  for (; !step.done; step = steps.next()) read.push(step.value);
  expect(step.value.size).toBe(count + 1);
  expect(read.reduce((sum, each) => sum + each, 0)).toBe(count);
  expect(Math.max(...read)).toBeLessThanOrEqual(500);
});

test('60,000 values of one label are read in steps, too', () => {
  const values = Array.from({ length: 60_000 }, (_, i) => `v${i}`);
  const steps = LabelSelector.parseInSteps(`a in (${values})`);
  let count = 0;
  let step = steps.next();
  for (; !step.done; step = steps.next()) count++;
  expect(count).toBeGreaterThanOrEqual(120);
  expect(step.value.matches({ a: 'v59999' })).toBe(true);
});
