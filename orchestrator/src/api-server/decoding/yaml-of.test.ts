import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { readDocument } from './yaml-document.ts';
import { yamlOf } from './yaml-of.ts';

test('it looks as YAML does', () => {
  expect(yamlOf({ kind: 'ConfigMap', data: { a: 'one\ntwo\n' }, size: 3 })).toBe(
    'kind: ConfigMap\ndata:\n  a: |\n    one\n    two\nsize: 3\n',
  );
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
  expect(yaml).toMatch(/^key: "/);
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
