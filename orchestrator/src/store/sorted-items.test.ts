import { expect, test } from 'vitest';
import { SortedItems } from './sorted-items.ts';

/** Keys of a few chunks, in an order of their own. */
const keys = Array.from({ length: 3000 }, (_, i) => `/k/${String((i * 1987) % 3000).padStart(4, '0')}`);
const sorted = keys.toSorted();

function full() {
  const items = new SortedItems<number>();
  for (const [i, key] of keys.entries()) items.set(key, i);
  return items;
}

const numbers = (of: readonly string[]) => of.map((key) => keys.indexOf(key));

test('items come in the order of their keys, from one to before another, as many as are asked for', () => {
  const items = full();
  expect(items.slice('/k/', '/k0')).toEqual(numbers(sorted));
  expect(items.slice('/k/0500', '/k/2500')).toEqual(numbers(sorted.slice(500, 2500)));
  expect(items.slice('/k/0500\0', '/k0', 1000)).toEqual(numbers(sorted.slice(501, 1501)));
  expect(items.slice('/k/0500', '/k0', 0)).toEqual([]);
  expect([items.slice('', '/j'), items.slice('/l', '/m'), new SortedItems().slice('', '/z')]).toEqual([[], [], []]);
  for (const [from, to] of [
    [0, 3000],
    [255, 256],
    [700, 2999],
    [2999, 3000],
  ] as const)
    expect(items.count(sorted[from] as string, sorted[to] ?? '/k0')).toBe(to - from);
});

test('an item of the same key takes the place of the one before, and deleted ones are gone', () => {
  const items = full();
  items.set('/k/1000', -1);
  for (const key of sorted) if (key !== '/k/1000' && key !== '/k/2000') items.delete(key);
  items.delete('/k/missing');
  expect(items.slice('/', '/z')).toEqual([-1, keys.indexOf('/k/2000')]);
  expect(items.count('/', '/z')).toBe(2);
  items.delete('/k/1000');
  items.delete('/k/2000');
  items.delete('/k/2000');
  expect(items.slice('/', '/z')).toEqual([]);
});
