import { join, relative } from 'node:path';
import { systemClock } from '@berth/kit';
import { afterAll, beforeEach, expect } from 'vitest';
import { leftovers, leftoversBelow } from './leftovers.ts';
import { nameTest, takeMade } from './owned-directory.ts';

// Part of every file of the lanes that change the machine: what a test leaves there is told with its name, whether it passed or failed.

const file = relative(join(import.meta.dirname, '../..'), expect.getState().testPath ?? '');
/** What was unmounted or killed goes in the kernel's own time. */
const patienceMs = 30_000;

/** A test that ran out of time leaves all it had. */
const mostLines = 20;

nameTest(file);
beforeEach(({ task }) => nameTest(`${file} > ${task.name}`));

// Such hooks run in reverse order: this one behind those of the file itself.
afterAll(async () => {
  const made = takeMade();
  const endMs = systemClock.monotonicMs() + patienceMs;
  for (let left = told(made); left.length > 0; left = told(made)) {
    if (systemClock.monotonicMs() > endMs) {
      const more = left.length > mostLines ? `\n  and ${left.length - mostLines} more` : '';
      throw new Error(`left behind:\n${left.slice(0, mostLines).join('\n')}${more}`);
    }
    await systemClock.sleep(100);
  }
});

function told(made: ReturnType<typeof takeMade>): string[] {
  const lines = made.length > 0 ? leftovers() : [];
  return made.flatMap(({ directory, test }) => leftoversBelow(directory, lines).map((line) => `  ${test}: ${line}`));
}
