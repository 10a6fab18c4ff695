import { type Program, startProgram } from '@berth/linux';
import { expect, test } from 'vitest';
import { childrenOf, identifyProcess, isAlive, killWithDescendants } from './process-id.ts';

const sh = (script: string) => startProgram('sh', ['-c', script], { fds: ['null', 'it-writes', 'null'] });

/** The pids that a program says, one a line. */
async function said(program: Program, count: number): Promise<number[]> {
  let text = '';
  for await (const chunk of program.pipes[1] ?? []) {
    text += chunk;
    if (text.split('\n').length > count) break;
  }
  return text.trim().split('\n').map(Number);
}

test('what a process started, and what that started, is killed with it, also while more is started', async () => {
  const program = await sh('sh -c "sleep 1000 & echo \\$!; exec sleep 1001" & echo $!; while :; do (:); done');
  const [first, second] = await said(program, 2);
  const came = [first, second].map((pid) => identifyProcess(pid as number));
  expect(came.map(isAlive)).toEqual([true, true]);
  expect(childrenOf(program.pid)).toEqual(expect.arrayContaining([expect.any(Number)]));
  killWithDescendants(program.pid);
  expect(await program.ended).toEqual({ signal: 'SIGKILL' });
  await expect.poll(() => came.map(isAlive)).toEqual([false, false]);
});
