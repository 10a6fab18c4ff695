import { expect, test } from 'vitest';
import { PackedValues } from './packed-values.ts';
import type { KeyValue } from './store.ts';

function setUp() {
  const items = new Map<string, KeyValue>();
  const packed = new PackedValues(items);
  const put = (key: string, text: string) => {
    const before = items.get(key);
    if (before) packed.remove(before);
    const item: KeyValue = { key, value: new TextEncoder().encode(text), createRevision: 1, modRevision: 1 };
    items.set(key, item);
    packed.add(item);
    return item;
  };
  const remove = (key: string) => {
    packed.remove(items.get(key) as KeyValue);
    items.delete(key);
  };
  const buffers = () => new Set([...items.values()].map(({ value }) => value.buffer)).size;
  const texts = () => [...items.values()].map(({ value }) => new TextDecoder().decode(value));
  return { packed, put, remove, buffers, texts, items };
}

test('values that were packed read as before, side by side, in the same items', () => {
  const { packed, put, buffers, texts, items } = setUp();
  const all = Array.from({ length: 1200 }, (_, i) => put(`/r/${i}`, `value ${i} ${'ü'.repeat(i % 50)}`));
  const before = texts();
  expect(buffers()).toBe(1200);
  // In steps: others are served in between.
  expect([...packed.pack()]).toHaveLength(2);
  expect(buffers()).toBe(1);
  expect(texts()).toEqual(before);
  expect([...items.values()]).toEqual(all);
});

test('a long value stays where it is', () => {
  const { packed, put } = setUp();
  const item = put('/r/long', 'x'.repeat(20_000));
  const { value } = item;
  expect([...packed.pack()]).toEqual([]);
  expect(item.value).toBe(value);
});

test('a block that is half empty is left by what is in it; whoever has an old value keeps it', () => {
  const { packed, put, remove, buffers, texts } = setUp();
  const old = put('/r/old', 'the first');
  for (let i = 0; i < 2000; i++) put(`/r/${i}`, `${i}`.padEnd(200));
  for (const _ of packed.pack());
  const full = buffers();
  expect(full).toBe(2);
  put('/r/old', 'the second');
  for (let i = 0; i < 1990; i++) remove(`/r/${i}`);
  for (const _ of packed.pack());
  expect(buffers()).toBe(1);
  expect(texts().map((text) => text.trim())).toEqual([
    'the second',
    ...Array.from({ length: 10 }, (_, i) => `${1990 + i}`),
  ]);
  expect(new TextDecoder().decode(old.value)).toBe('the first');
});

test('what goes while it is packed is not put back', () => {
  const { packed, put, remove, buffers } = setUp();
  for (let i = 0; i < 1000; i++) put(`/r/${i}`, `${i}`);
  const steps = packed.pack();
  steps.next();
  for (let i = 0; i < 1000; i += 2) remove(`/r/${i}`);
  for (const _ of steps);
  expect(buffers()).toBe(1);
});
