import { readdirSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { startProgram } from './start-program.ts';

const openFiles = () => readdirSync('/proc/self/fd').length;

test('of many programs at once a turn begins a few, and all are started', async () => {
  const end = new AbortController();
  const begun = openFiles();
  const all = Array.from({ length: 200 }, () =>
    startProgram('sleep', ['1000'], { fds: ['it-reads'], signal: end.signal }),
  );
  let most = 0;
  for (let last = begun, quiet = 0; quiet < 2; ) {
    await setImmediate();
    const now = openFiles();
    // Both ends of a pipe are open from a program's begin until it runs. Between two looks there may be two turns.
    most = Math.max(most, now - last);
    quiet = now > last ? 0 : quiet + 1;
    last = now;
  }
  expect(most).toBeGreaterThan(0);
  expect(most).toBeLessThanOrEqual(2 * 2 * 16);
  end.abort();
  const programs = await Promise.all(all.map((start) => start.catch(() => undefined)));
  await Promise.all(programs.map((program) => program?.ended));
});
