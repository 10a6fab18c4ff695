import fc from 'fast-check';
import { expect, test } from 'vitest';
import { originForm } from './request-target.ts';

test.each([
  ['/version', '/version'],
  ['/a%2fb?c=%zz', '/a%2fb?c=%zz'],
  ['*', '*'],
  ['http://x/version?timeout=1s', '/version?timeout=1s'],
  ['HTTPS://user:word@host.example:99/api', '/api'],
  ['http://[::1]:6443/api', '/api'],
  ['http:///api', '/api'],
  ['http://x', '/'],
  ['http://x?a=b', '/?a=b'],
  ['http://x//api', '//api'],
  ['/%', undefined],
  ['/a%zz', undefined],
  ['http://x/%zz', undefined],
  ['http://[::1/api', undefined],
  ['http://x:y/api', undefined],
  ['version', undefined],
  ['', undefined],
])('%s is %s', (target, form) => {
  expect(originForm(target)).toBe(form);
});

test('what is read is a path or nothing, and read again it is the same', () => {
  fc.assert(
    fc.property(fc.string(), fc.constantFrom('', '/', 'http://h', 'a://'), (text, before) => {
      const form = originForm(before + text);
      if (form === undefined) return;
      expect(form).toMatch(/^[/*]/);
      expect(originForm(form)).toBe(form);
    }),
  );
});
