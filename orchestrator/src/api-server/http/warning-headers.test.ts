import { expect, test } from 'vitest';
import { warningHeaders } from './warning-headers.ts';

test('warnings are quoted, and control characters do not leave their header', () => {
  expect(warningHeaders(['say "hi" \\ bye\r\nx: y', ''])).toEqual(['299 - "say \\"hi\\" \\\\ bye  x: y"']);
});

test('few warnings are told whole, many are cut', () => {
  const long = 'é'.repeat(2000);
  expect(warningHeaders([long, `${long}x`])).toEqual([`299 - "${long}"`, `299 - "${long}x"`]);
  const cut = warningHeaders(Array.from({ length: 1000 }, (_, index) => `${index} ${long}`));
  expect(cut).toHaveLength(16);
  expect(cut.every((header) => [...header].length === 256 + '299 - ""'.length)).toBe(true);
});
