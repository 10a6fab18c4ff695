import { settle } from '@berth/kit';
import { expect, test } from 'vitest';
import { inRecordedOrder } from './in-order.ts';

/** Items that end when they are told to. */
function stage() {
  const begun: string[] = [];
  const ends = new Map<string, () => void>();
  const run = ({ name }: { name: string }) => {
    begun.push(name);
    return new Promise<string>((resolve) => ends.set(name, () => resolve(name)));
  };
  const end = async (name: string) => {
    ends.get(name)?.();
    await settle();
  };
  return { begun, run, end };
}

const item = (name: string, startMs: number, ms: number) => ({ name, startMs, ms });

test('what was under way at once is again, and what came after waits for what had ended', async () => {
  const { begun, run, end } = stage();
  const items = [item('long', 0, 100), item('short', 10, 10), item('after short', 30, 10), item('after all', 200, 1)];
  const results = inRecordedOrder(items, run, new AbortController().signal);
  await settle();
  expect(begun).toEqual(['long', 'short']);
  await end('short');
  expect(begun).toEqual(['long', 'short', 'after short']);
  await end('after short');
  expect(begun).not.toContain('after all');
  await end('long');
  expect(begun).toContain('after all');
  await end('after all');
  expect(await results).toEqual(['long', 'short', 'after short', 'after all']);
});

test('calls that took no time keep their order, and lines may be in the order of their ends', async () => {
  const { begun, run, end } = stage();
  const results = inRecordedOrder(
    [item('b', 5, 0), item('c', 6, 0), item('a', 0, 1)],
    run,
    new AbortController().signal,
  );
  for (const name of ['a', 'b', 'c']) {
    await settle();
    expect(begun.at(-1)).toBe(name);
    await end(name);
  }
  expect(await results).toEqual(['b', 'c', 'a']);
});

test('nothing more is begun after an abort', async () => {
  const { begun, run, end } = stage();
  const controller = new AbortController();
  const results = inRecordedOrder([item('a', 0, 1), item('b', 5, 1)], run, controller.signal);
  await settle();
  controller.abort();
  await end('a');
  expect(await results).toEqual(['a']);
  expect(begun).toEqual(['a']);
});
