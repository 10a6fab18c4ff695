import { expect, test } from 'vitest';
import { LentBuffers } from './lent-buffers.ts';

const large = 1 << 20;

test('what was given back is lent again, once, and never while it is lent', () => {
  const memory = new LentBuffers();
  const first = memory.take(large);
  const second = memory.take(large);
  expect(second.buffer).not.toBe(first.buffer);
  memory.giveBack(first.subarray(100, 200));
  memory.giveBack(first);
  const again = memory.take(large - 50);
  expect([again.buffer, again.length]).toEqual([first.buffer, large - 50]);
  expect(memory.take(large).buffer).not.toBe(first.buffer);
});

test('small, foreign and much larger memory is not kept, nor more than a few', () => {
  const memory = new LentBuffers();
  const foreign = Buffer.alloc(large);
  memory.giveBack(foreign);
  const small = memory.take(100);
  memory.giveBack(small);
  expect(memory.take(large).buffer).not.toBe(foreign.buffer);
  memory.giveBack(memory.take(large));
  expect(memory.take(large / 4).byteLength).toBe(large / 4);
  const many = Array.from({ length: 20 }, () => memory.take(large));
  for (const one of many) memory.giveBack(one);
  const known = new Set(many.map(({ buffer }) => buffer));
  const reused = Array.from({ length: 20 }, () => memory.take(large)).filter(({ buffer }) => known.has(buffer));
  expect(reused).toHaveLength(8);
});
