import { expect, test } from 'vitest';
import { yamlTextOf } from './yaml-bytes.ts';

/** As a kube-apiserver answers them. */
test.each([
  ['a: \xff', 'invalid leading UTF-8 octet'],
  ['a: \x80\x80', 'invalid leading UTF-8 octet'],
  ['a: \xc3y', 'invalid trailing UTF-8 octet'],
  ['a: \xf0\x9f\x98y', 'invalid trailing UTF-8 octet'],
  ['a: \xc0\x80', 'invalid length of a UTF-8 sequence'],
  ['a: \xe0\x80\x80', 'invalid length of a UTF-8 sequence'],
  ['a: \xed\xa0\x80', 'invalid Unicode character'],
  ['a: \xf4\x90\x80\x80', 'invalid Unicode character'],
  ['a: \xe2\x82\xac\xe2\x82', 'incomplete UTF-8 sequence'],
  ['\xff\xfea\0:\0 ', 'incomplete UTF-16 character'],
  ['\xfe\xff\0a\0:\0 \xdc\0', 'unexpected low surrogate area'],
  ['\xff\xfea\0:\0 \0\0\xd8b\0', 'expected low surrogate area'],
  ['\xff\xfea\0:\0 \0\0\xd8b', 'incomplete UTF-16 surrogate pair'],
])('of %j nothing is read', (text, words) => {
  expect(() => yamlTextOf(Buffer.from(text, 'latin1'))).toThrow(`yaml: ${words}`);
});

test('a text of characters is that', () => {
  expect(yamlTextOf(Buffer.from('a: é€😀'))).toBe('a: é€😀');
});

test('a text of UTF-16 with its mark is read in both orders of bytes', () => {
  const little = Buffer.from('\ufeffa: é😀', 'utf16le');
  expect(yamlTextOf(little)).toBe('a: é😀');
  expect(yamlTextOf(Buffer.from(little).swap16())).toBe('a: é😀');
});
