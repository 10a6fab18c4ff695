import { expect, test } from 'vitest';
import { SharedCalls } from './shared-calls.ts';

test('who asks while a call is under way gets what it gives, and the next one makes another', async () => {
  const calls = new SharedCalls<number>();
  const answers: ((value: number) => void)[] = [];
  const call = () => new Promise<number>((resolve) => answers.push(resolve));
  const asked = [calls.run('a', call), calls.run('a', call), calls.run('b', call)];
  expect(answers).toHaveLength(2);
  for (const [i, answer] of answers.entries()) answer(i);
  expect(await Promise.all(asked)).toEqual([0, 0, 1]);
  const again = calls.run('a', call);
  answers[2]?.(2);
  expect(await again).toBe(2);
});

test('a call that fails fails for all who wait for it, and is made again', async () => {
  const calls = new SharedCalls<string>();
  const fail = async () => {
    throw new Error('no answer');
  };
  const asked = await Promise.allSettled([calls.run('a', fail), calls.run('a', async () => 'other')]);
  expect(asked.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  expect(await calls.run('a', async () => 'other')).toBe('other');
});
