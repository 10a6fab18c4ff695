import { expect, test } from 'vitest';
import { goTrim } from './go-trim.ts';

test.each([
  ['\t a b\u0085\u3000\n', 'a b'],
  ['\ufeffa', '\ufeffa'],
  [' \u2028', ''],
])('goTrim() of %j is %j', (text, trimmed) => {
  expect(goTrim(text)).toBe(trimmed);
});

test('goTrim() looks at no blank twice', () => {
  const text = `a${' '.repeat(1_000_000)}b`;
  expect(goTrim(` ${text} `)).toBe(text);
});
