import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { readDocument } from './yaml-document.ts';
import { yamlOf } from './yaml-of.ts';

test('it looks as YAML does', () => {
  expect(yamlOf({ size: 3, kind: 'ConfigMap', data: { a: 'one\ntwo\n' }, items: [{ b: [1], a: 'x' }, []] })).toBe(
    'data:\n  a: |\n    one\n    two\nitems:\n- a: x\n  b:\n  - 1\n- []\nkind: ConfigMap\nsize: 3\n',
  );
});

/** As kube-apiserver 1.36 writes a ConfigMap's data. */
const sortedKeys = [
  ...['-', '.a', '1', '2', '02', '10', '10a', 'A', 'B', 'a', 'a-1', 'a-2', 'a-10', 'a-b', 'a.b', 'a_b'],
  ...['a0', 'a00', 'a1', 'a001', 'a2', 'a10', 'a010', 'a100', 'a101', 'a1001', 'a1010', 'aZ', 'ab', 'b'],
  ...['v1', 'v1.2', 'v1.10', 'v1a', 'é', '日'],
];

test('keys are in the order of Go’s writer', () => {
  const yaml = yamlOf(Object.fromEntries(sortedKeys.toReversed().map((key) => [key, ''])));
  expect(yaml.split('\n').map((line) => line.replace(/: ""$|"/g, ''))).toEqual([...sortedKeys, '']);
});

/** What YAML 1.1 (Go's sigs.k8s.io/yaml, PyYAML) reads as something else, or cuts, where it is not quoted. */
test.each([
  ...[
    'yes',
    'on',
    'No',
    'n',
    'y',
    'OFF',
    '~',
    '1_000',
    '12:30:45',
    '017',
    '0o17',
    '0x1f',
    '0b1',
    '.inf',
    '2020-01-01',
    '<<',
    '=',
  ],
  ...[' \n', '\n \n', ' \t\n\n', '\ta\nb', '\n\ta\n', 'a\u007f', '\u0080', '\u009f ', '\ufffe', 'a\uffff'],
  ...['a \u2028', '\u2029', 'a\u0085b', '\ufeffa', 'true', '1e3'],
])('%j stays the text it is', (text) => {
  const yaml = yamlOf({ key: text, [text]: 1 });
  expect(yaml).toMatch(/^key: "/m);
  expect(yaml).not.toMatch(/[\u007f-\u009f\u2028\u2029\ufeff\ufffe\uffff]/);
  for (const version of ['1.1', '1.2'] as const) expect(parse(yaml, { version })).toEqual({ key: text, [text]: 1 });
});

const signs = [
  ...' \t\n\r#-:?"\'\\|>%@`&*!{}[],ab10._+e~=',
  ...['  ', '\r\n', '---', '...', ': ', ' #', '- ', '<<', '%YAML', 'null', 'yes'],
  ...'\0\u0007\u001b\u007f\u0080\u0085\u00a0\u200b\u2028\u2029\ue000\ufeff\ufffe\uffff',
];

test('any value comes back, whichever version reads it, and Go’s reader', () => {
  const text = fc.oneof(
    fc.string({ unit: 'grapheme' }),
    fc.string({ unit: fc.constantFrom(...signs) }),
    fc.string({ unit: fc.constantFrom(' ', '\t', '\n', 'a'), maxLength: 6 }),
    fc
      .array(fc.string({ unit: fc.constantFrom(...signs) }), { minLength: 20, maxLength: 20 })
      .map((all) => all.join(' ')),
  );
  const value = fc.letrec((tie) => ({
    any: fc.oneof(text, fc.integer(), fc.boolean(), fc.constant(null), tie('list'), tie('map')),
    list: fc.array(tie('any'), { maxLength: 3 }),
    map: fc.dictionary(
      text.filter((key) => key !== '__proto__'),
      tie('any'),
      { maxKeys: 3, noNullPrototype: true },
    ),
  })).map;
  fc.assert(
    fc.property(value, (given) => {
      const yaml = yamlOf(given);
      for (const version of ['1.1', '1.2'] as const) expect(parse(yaml, { version })).toEqual(given);
      expect(readDocument(yaml).value).toEqual(given);
    }),
    { numRuns: Number(process.env['FUZZ_RUNS'] ?? 300) },
  );
});
