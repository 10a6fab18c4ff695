import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseCsv } from './csv.ts';

test.each([
  ['a,b,c\n', [['a', 'b', 'c']]],
  [
    'a, b ,"c,d"\r\ne,f,g',
    [
      ['a', 'b', 'c,d'],
      ['e', 'f', 'g'],
    ],
  ],
  ['\n\na,"say ""hi""",\n', [['a', 'say "hi"', '']]],
  ['', []],
])('%j is read as records', (text, records) => {
  expect(parseCsv(text)).toEqual(records);
});

test('a quote that does not end is an error', () => {
  expect(() => parseCsv('a,"b\nc,d')).toThrow(RangeError);
});

test('what is written with quotes is read back', () => {
  const field = fc.string({ unit: fc.constantFrom('a', '"', ',', '\n', '\r', ' ', 'é') });
  const records = fc.array(fc.array(field, { minLength: 2, maxLength: 4 }), { maxLength: 5 });
  const quoted = (text: string) => `"${text.replaceAll('"', '""')}"`;
  fc.assert(
    fc.property(records, (wanted) => {
      const text = wanted.map((fields) => `${fields.map(quoted).join(',')}\n`).join('');
      expect(parseCsv(text)).toEqual(wanted);
    }),
  );
});
