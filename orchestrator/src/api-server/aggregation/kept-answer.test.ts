import { FakeClock } from '@berth/kit';
import { expect, test } from 'vitest';
import { KeptAnswer } from './kept-answer.ts';

const { signal } = new AbortController();

test('a server that hangs holds the first who asks half a second, and nobody after them', async () => {
  const clock = new FakeClock();
  let asked = 0;
  const kept = new KeptAnswer<string>(clock, () => {
    asked++;
    return new Promise(() => undefined);
  });
  let answered = false;
  const first = kept.get(signal).then((value) => {
    answered = true;
    return value;
  });
  await clock.advance(499);
  expect(answered).toBe(false);
  expect(await kept.get(signal)).toBeUndefined();
  await clock.advance(1);
  expect(await first).toBeUndefined();
  await clock.advance(61_000);
  expect(await kept.get(signal)).toBeUndefined();
  expect([asked, clock.pending]).toEqual([1, 0]);
});

test('what is known is given at once, asked for again behind when it is old, and stays where that fails', async () => {
  const clock = new FakeClock();
  const answers = ['one', 'two'];
  const kept = new KeptAnswer<string>(clock, async () => {
    const next = answers.shift();
    if (next === undefined) throw new Error('gone');
    return next;
  });
  expect(await kept.get(signal)).toBe('one');
  await clock.advance(60_000);
  expect(await kept.get(signal)).toBe('one');
  await clock.advance(1);
  expect(await kept.get(signal)).toBe('one');
  await clock.advance(60_001);
  expect(await kept.get(signal)).toBe('two');
  await clock.advance(60_001);
  expect(await kept.get(signal)).toBe('two');
});
