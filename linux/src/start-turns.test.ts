import { setImmediate } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { runProgram } from './run-program.ts';

const children = () => process.getActiveResourcesInfo().filter((kind) => kind === 'ProcessWrap').length;

test('of many programs at once a turn starts a few, and all are started', async () => {
  const before = children();
  const end = new AbortController();
  const all = Array.from({ length: 24 }, () => runProgram('sleep', ['1000'], { signal: end.signal }));
  const settled = Promise.allSettled(all);
  let most = 0;
  for (let last = before; last < before + all.length; last = children()) {
    await setImmediate();
    most = Math.max(most, children() - last);
  }
  expect(most).toBeLessThanOrEqual(6);
  end.abort();
  await settled;
});
