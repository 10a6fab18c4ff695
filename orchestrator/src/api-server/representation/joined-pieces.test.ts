import { setImmediate } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { joinedPieces } from './joined-pieces.ts';

test('hundred megabytes are put together in more than one turn, in their order', async () => {
  const pieces = Array.from({ length: 100 }, (_, i) => Buffer.alloc(1024 * 1024, i));
  let turns = 0;
  let isOver = false;
  const counting = (async () => {
    for (; !isOver; turns++) await setImmediate();
  })();
  const joined = await joinedPieces(pieces);
  isOver = true;
  await counting;
  expect(turns).toBeGreaterThan(2);
  expect(joined.length).toBe(100 * 1024 * 1024);
  for (const [i] of pieces.entries())
    expect([joined[i * 1024 * 1024], joined[(i + 1) * 1024 * 1024 - 1]]).toEqual([i, i]);
});
