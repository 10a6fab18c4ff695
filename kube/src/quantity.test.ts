import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Quantity } from './quantity.ts';

test.each([
  ['0', '0'],
  ['0Gi', '0'],
  ['1Gi', '1Gi'],
  ['1024Mi', '1Gi'],
  ['1.5Gi', '1536Mi'],
  ['0.5Gi', '512Mi'],
  ['512', '512'],
  ['1000m', '1'],
  ['0.5', '500m'],
  ['1500m', '1500m'],
  ['.5', '500m'],
  ['1.', '1.'],
  ['+5', '+5'],
  ['-5000', '-5k'],
  ['1e3', '1e3'],
  ['12E6', '12E6'],
  ['10000e0', '10e3'],
  ['1E', '1E'],
  ['1000E', '1e21'],
  ['0.0000000001', '1n'],
  ['-0.9n', '-1n'],
  ['100Ei', '9223372036854775807'],
  ['1Ki', '1Ki'],
  ['0.5Ki', '512'],
  ['0.0001Ki', '102400u'],
  ['1.2345', '1234500u'],
  ['9223372036854775807', '9223372036854775807'],
  ['18446744073709551616', '18446744073709551616'],
  ['100000', '100k'],
  ['1e+2', '100'],
])('the canonical form of %s is %s', (text, canonical) => {
  expect(Quantity.parse(text).toString()).toBe(canonical);
});

test.each(['', 'x', '1x', '1 Gi', '1.2.3', '5Gi x', '1e3e'])('%j does not match the regular expression', (text) => {
  expect(() => Quantity.parse(text)).toThrow(
    "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
  );
});

test.each(['0'.repeat(4000), `${'0'.repeat(2000)}.${'0'.repeat(2000)}`, '1'.repeat(4000), 'E'.repeat(4000)])(
  'there is one way to read a text of many digits, and one to refuse it: %#',
  (text) => {
    for (const end of ['!', '1!', 'E1!', '.1.']) expect(() => Quantity.parse(`+${text}${end}`)).toThrow();
  },
);

test.each(['1K', '1gi', '1Gm', '1e', '1ee3', '1mi', '1e999999999', '1Gi5'])('%j has no such suffix', (text) => {
  if (text === '1gi') return expect(() => Quantity.parse(text)).toThrow('must match');
  return expect(() => Quantity.parse(text)).toThrow("unable to parse quantity's suffix");
});

test('arithmetic keeps the notation of the first operand that is not zero', () => {
  expect(Quantity.parse('1Gi').add(Quantity.parse('1')).toString()).toBe('1073741825');
  expect(Quantity.zero.add(Quantity.parse('2Gi')).toString()).toBe('2Gi');
  expect(Quantity.parse('1Gi').subtract(Quantity.parse('512Mi')).toString()).toBe('512Mi');
  expect(Quantity.parse('1').subtract(Quantity.parse('1500m')).toString()).toBe('-500m');
});

test('values round away from zero', () => {
  expect(Quantity.parse('1m').value()).toBe(1n);
  expect(Quantity.parse('-1m').value()).toBe(-1n);
  expect(Quantity.parse('1u').milliValue()).toBe(1n);
  expect(Quantity.parse('1100u').roundUpToMilli().toString()).toBe('2m');
});

const units = ['', 'n', 'u', 'm', 'k', 'M', 'G', 'T', 'Ki', 'Mi', 'Gi', 'Ti', 'e3', 'E-3'];
const texts = fc
  .tuple(fc.constantFrom('', '-'), fc.bigInt(0n, 999_999n), fc.constantFrom('', '.5', '.25'), fc.constantFrom(...units))
  .map((parts) => parts.join(''));

test('the canonical form means the same, and is its own canonical form in its notation', () => {
  fc.assert(
    fc.property(texts, (text) => {
      const first = Quantity.parse(text);
      const again = Quantity.parse(first.toString());
      expect(again.compare(first)).toBe(0);
      if (again.format === first.format) expect(again.toString()).toBe(first.toString());
    }),
  );
});

test('adding and subtracting cancel out, and comparing is an order', () => {
  fc.assert(
    fc.property(texts, texts, (a, b) => {
      const [x, y] = [Quantity.parse(a), Quantity.parse(b)];
      expect(x.add(y).subtract(y).equals(x)).toBe(true);
      expect(x.compare(y)).toBe(-y.compare(x) || 0);
      expect(x.subtract(y).sign).toBe(x.compare(y));
    }),
  );
});

/** Upstream reads every exponent, and is busy with 1e99999999999 until the request's time is over. */
test('exponents beyond 4,096 are refused, as a short text could ask for a number of gigabytes', () => {
  for (const text of ['1e4096', '1e-4096', '9E4096']) expect(() => Quantity.parse(text)).not.toThrow();
  for (const text of ['1e4097', '1e-4097', '0e5000', '1e99999999999', '1E-99999999999'])
    expect(() => Quantity.parse(text), text).toThrow("unable to parse quantity's suffix");
});

test('any text parses or is refused with words of its own', () => {
  fc.assert(
    fc.property(fc.stringMatching(/^[0-9.+\-eEinumkKMGTPi x]{0,8}$/), (text) => {
      try {
        Quantity.parse(text).toString();
      } catch (error) {
        expect((error as Error).name).toBe('QuantityError');
      }
    }),
  );
});
