import { expect, test } from 'vitest';
import { hasReadableParameters } from './media-parameters.ts';

/** As a kube-apiserver takes a body of that content type, or answers 415. */
test.each([
  ['application/json', true],
  ['application/json;', true],
  ['application/json; ', true],
  ['application/json;;', false],
  ['application/json;a', false],
  ['application/json;a=', false],
  ['application/json;=b', false],
  ['application/json;a=b;A=b', true],
  ['application/json;a=b;A=c', false],
  ['application/json;a=b c', false],
  ['application/json; a b=c', false],
  ['application/json;\ta=b', true],
  ["application/json; a*=utf-8''x", true],
  ['application/json; charset="utf-8"', true],
  ['application/json; charset="utf-8', false],
  ['application/json; a="b\\"c"; a="b\\"c"', true],
  ['application/json; a="\\b"; a="b"', false],
])('%j has parameters that can be read: %s', (contentType, expected) => {
  expect(hasReadableParameters(contentType)).toBe(expected);
});

test('a value that never ends is read once', () => {
  expect(hasReadableParameters(`application/json; a="${'\\('.repeat(100_000)}`)).toBe(false);
});
