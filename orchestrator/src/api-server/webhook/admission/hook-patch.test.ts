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
])('which operation of many does not apply is told without applying all again: %j', async (last, words) => {
  const before = Array.from({ length: 5_000 }, (_, i) => ({ op: 'add', path: `/data/k${i}`, value: 'a' }));
  const clone = vi.spyOn(globalThis, 'structuredClone');
  try {
    await expect(applyHookPatch({ data: {} }, [...before, last])).rejects.toThrow(words);
    expect(clone.mock.calls.length).toBeLessThan(5);
  } finally {
    clone.mockRestore();
  }
});

test('a webhook’s patch may have more operations than a client’s, and they are applied in turns', async () => {
  const many = Array.from({ length: 10_001 }, (_, i) => ({ op: 'replace', path: '/data/a', value: `${i}` }));
  const object = { data: { a: '' } };
  let turns = 0;
  const counting = setInterval(() => turns++);
  const patched = applyHookPatch(object, many).finally(() => clearInterval(counting));
  expect(await patched).toEqual({ data: { a: '10000' } });
  expect(object).toEqual({ data: { a: '' } });
  expect(turns).toBeGreaterThan(0);
});
