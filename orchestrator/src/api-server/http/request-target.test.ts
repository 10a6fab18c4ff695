import fc from 'fast-check';
import { expect, test } from 'vitest';
import { connectForm, originForm } from './request-target.ts';

test.each([
  ['/version', '/version'],
  ['/a%2fb?c=%zz', '/a%2fb?c=%zz'],
  ['*', '*'],
  ['http://x/version?timeout=1s', '/version?timeout=1s'],
  ['HTTPS://user:word@host.example:99/api', '/api'],
  ['http://[::1]:6443/api', '/api'],
  ['http:///api', '/api'],
  ['http://x', ''],
  ['http://x?a=b', '?a=b'],
  ['http:/api', '/api'],
  ['http:api', ''],
  ['x:443', ''],
  ['mailto:a@b?c', '?c'],
  ['http://[fe80::1%25eth0]/api', '/api'],
  ['http://[fe80::1%eth0]/api', undefined],
  ['http://x%41/api', undefined],
  ['http://x%c3%a9/api', '/api'],
  ['http://x\\y/api', undefined],
  [':/api', undefined],
  ['1http://x/api', undefined],
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
      expect(form).toMatch(/^(?:[/*?]|$)/);
      if (/^[/*]/.test(form)) expect(originForm(form)).toBe(form);
    }),
  );
});

test.each([
  ['x:443', ''],
  [':443', ''],
  ['[::1]:443', ''],
  ['http://x/api', '//x/api'],
  ['/api', '/api'],
  ['x y', undefined],
])('%s of a CONNECT is %s', (target, form) => {
  expect(connectForm(target)).toBe(form);
});
