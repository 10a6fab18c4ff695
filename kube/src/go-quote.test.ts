import { expect, test } from 'vitest';
import { goQuote } from './go-quote.ts';

test.each([
  ['plain text, ä 語 😀', '"plain text, ä 語 😀"'],
  ['a\n\t"b" \\ ä', '"a\\n\\t\\"b\\" \\\\ ä"'],
  ['a "b" \\', '"a \\"b\\" \\\\"'],
  ['\u0007\b\f\n\r\t\v', '"\\a\\b\\f\\n\\r\\t\\v"'],
  ['\u0000\u001b\u007f', '"\\x00\\x1b\\x7f"'],
  ['\u0085\u00a0\u2028\u3000\ufeff', '"\\u0085\\u00a0\\u2028\\u3000\\ufeff"'],
  ['\u{e0001}', '"\\U000e0001"'],
])('%j is quoted as Go quotes it', (text, quoted) => {
  expect(goQuote(text)).toBe(quoted);
});
