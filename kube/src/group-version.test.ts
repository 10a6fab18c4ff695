import { expect, test } from 'vitest';
import { apiVersionOf, groupVersionOf, groupVersionProblem } from './group-version.ts';

test.each([
  ['v1', '', 'v1'],
  ['apps/v1', 'apps', 'v1'],
  ['/v1', '', 'v1'],
  ['apps/', 'apps', ''],
  ['/', '', ''],
  ['', '', ''],
])('an apiVersion of %j has group %j and version %j', (apiVersion, group, version) => {
  expect(groupVersionProblem(apiVersion)).toBeUndefined();
  expect(groupVersionOf(apiVersion)).toEqual({ group, version });
});

test.each(['a/b/c', '//', 'apps/v1/'])('%j is no apiVersion, and names neither group nor version', (text) => {
  expect(groupVersionProblem(text)).toBe(`unexpected GroupVersion string: ${text}`);
  expect(groupVersionOf(text)).toEqual({ group: '', version: '' });
});

test('a group and version are written as they are read', () => {
  for (const apiVersion of ['v1', 'apps/v1']) expect(apiVersionOf(groupVersionOf(apiVersion))).toBe(apiVersion);
});
