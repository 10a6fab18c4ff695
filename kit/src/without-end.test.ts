import { expect, test } from 'vitest';
import { withoutEnd } from './without-end.ts';

test.each([
  ['/a//', '/a'],
  ['/a//b', '/a//b'],
  ['//', ''],
  ['', ''],
])('withoutEnd() of %j is %j', (text, left) => {
  expect(withoutEnd(text, '/')).toBe(left);
});

test('withoutEnd() looks at no character twice', () => {
  const text = `${'/'.repeat(1_000_000)}x`;
  expect(withoutEnd(text, '/')).toBe(text);
});
