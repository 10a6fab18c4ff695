import { expect, test, vi } from 'vitest';
import { applyHookPatch } from './hook-patch.ts';

test.each([
  [
    { op: 'remove', path: '/data/none' },
    "error in remove for path: '/data/none': Unable to remove nonexistent key: none: missing value",
  ],
  [
    { op: 'replace', path: '/none/a', value: '' },
    'replace operation does not apply: doc is missing path: /none/a: missing value',
  ],
  [null, 'Unexpected kind: unknown'],
])('which operation of many does not apply is told without applying all again: %j', (last, words) => {
  const before = Array.from({ length: 5_000 }, (_, i) => ({ op: 'add', path: `/data/k${i}`, value: 'a' }));
  const clone = vi.spyOn(globalThis, 'structuredClone');
  try {
    expect(() => applyHookPatch({ data: {} }, [...before, last])).toThrow(words);
    expect(clone.mock.calls.length).toBeLessThan(5);
  } finally {
    clone.mockRestore();
  }
});

test('more operations than a patch may have are none of them applied', () => {
  const many = Array.from({ length: 10_001 }, () => ({ op: 'remove', path: '/none' }));
  expect(() => applyHookPatch({}, many)).toThrow('The allowed maximum operations in a JSON patch is 10000, got 10001');
});
