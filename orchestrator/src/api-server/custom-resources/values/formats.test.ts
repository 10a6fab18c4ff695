import { expect, test } from 'vitest';
import { hasFormat, knownFormat } from './formats.ts';

const named =
  'bsonobjectid uri email hostname ipv4 ipv6 cidr mac uuid uuid3 uuid4 uuid5 isbn isbn10 isbn13 creditcard ssn hexcolor rgbcolor byte date duration datetime k8s-short-name k8s-long-name';

test.each(named.split(' '))('%s is told of a long text in one reading', (format) => {
  expect(knownFormat('string', format)).toBe(format);
  for (const part of ['0', 'a', 'a.', '0.', 'a-', ' ', '<', '1 ', '::', 'a@', '1h ', '+', '='])
    for (const [begin, end] of [
      ['', '!'],
      ['rgb(', ''],
      ['0', '\n'],
    ])
      expect(hasFormat(`${begin}${part.repeat(200_000 / part.length)}${end}`, format)).toBe(
        format === 'duration' && part === '1h ',
      );
});

test.each([
  ['1h30m', true],
  ['3 days', true],
  ['12 34 sec', true],
  ['123hr', true],
  ['123', false],
  ['1 x2d', true],
  ['12xs', false],
])('%j is a duration: %s', (text, is) => {
  expect(hasFormat(text, 'duration')).toBe(is);
});

test('what every object inherits is no format', () => {
  expect(knownFormat('string', 'constructor')).toBeUndefined();
});
