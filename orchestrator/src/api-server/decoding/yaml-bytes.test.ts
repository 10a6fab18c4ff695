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
])('of %j nothing is read', (text, words) => {
  expect(() => yamlTextOf(Buffer.from(text, 'latin1'))).toThrow(`yaml: ${words}`);
});

test('a text of characters is that', () => {
  expect(yamlTextOf(Buffer.from('a: é€😀'))).toBe('a: é€😀');
});
