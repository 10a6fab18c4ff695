import { expect, test } from 'vitest';
import { warningHeaders } from './warning-headers.ts';

const utf8 = (text: string) => Buffer.from(text).toString('latin1');

test('warnings are quoted; one with control characters is left out, others are UTF-8', () => {
  expect(warningHeaders(['say "hi" \\ bye', 'x\r\ny: z', '\u0085', '', '日本'])).toEqual([
    '299 - "say \\"hi\\" \\\\ bye"',
    utf8('299 - "日本"'),
  ]);
});

test('few warnings are told whole, many are cut', () => {
  const long = 'é'.repeat(2000);
  expect(warningHeaders([long, `${long}x`])).toEqual([utf8(`299 - "${long}"`), utf8(`299 - "${long}x"`)]);
  const cut = warningHeaders(Array.from({ length: 1000 }, (_, index) => `${index} ${long}`));
  expect(cut).toHaveLength(16);
  expect(cut.every((header) => [...Buffer.from(header, 'latin1').toString()].length === 256 + '299 - ""'.length)).toBe(
    true,
  );
});

test('of many warnings no more are looked at than are told', () => {
  let asked = 0;
  const texts = (function* () {
    for (; ; asked++) yield 'x'.repeat(100);
  })();
  expect(warningHeaders(texts)).toHaveLength(41);
  expect(asked).toBe(40);
  expect(warningHeaders(['x'.repeat(4096)])).toEqual([`299 - "${'x'.repeat(4096)}"`]);
  expect(warningHeaders([`${'x'.repeat(4096)}é`, 'y'])).toEqual([`299 - "${'x'.repeat(256)}"`, '299 - "y"']);
});
