import { afterEach, expect, test, vi } from 'vitest';
import { parseGoUrl, requestUriComplaint } from './go-url.ts';

afterEach(() => vi.restoreAllMocks());

test('escapes are undone as Go undoes them', () => {
  expect(parseGoUrl('http://b%C3%BCcher.example:80/a%2fb')).toMatchObject({
    hostname: 'bücher.example',
    port: '80',
    path: '/a%2fb',
  });
  expect(parseGoUrl('http://[fe80::1%25en0]/')).toMatchObject({ hostname: 'fe80::1%en0' });
});

test.each([
  ['/a%2', 'invalid URL escape "%2"'],
  ['/a%zz', 'invalid URL escape "%zz"'],
  ['http://a%41/', 'invalid URL escape "%41"'],
  ['http://a b/', 'invalid character " " in host name'],
])('%s is refused in the words of Go', (text, why) => {
  expect(requestUriComplaint(text)).toBe(`parse "${text}": ${why}`);
});

test('a long path is not made into bytes sign by sign', () => {
  const from = vi.spyOn(Buffer, 'from');
  expect(requestUriComplaint(`/${'a/%41'.repeat(10_000)}`)).toBeUndefined();
  expect(from.mock.calls.length).toBeLessThan(10);
});
