import { expect, test } from 'vitest';
import { mustRun, ProgramError, runProgram } from './run-program.ts';

test('runProgram kills a program that hangs, and says so', async () => {
  const hanging = runProgram('sleep', ['1000'], { timeoutMs: 50 });
  await expect(hanging).rejects.toThrow(new ProgramError('Failed', 'sleep: did not end within 50 ms'));
});

test('runProgram answers with the exit code, mustRun throws with the last line of complaint', async () => {
  const script = 'cat; echo first >&2; echo last >&2; exit 3';
  expect(await runProgram('sh', ['-c', script], { input: 'in' })).toEqual({
    exitCode: 3,
    stdout: 'in',
    stderr: 'first\nlast\n',
  });
  await expect(mustRun('sh', ['-c', script], { input: '' })).rejects.toThrow('sh -c: exit code 3: last');
  await expect(runProgram('no-such-program', [])).rejects.toMatchObject({ code: 'Missing' });
});
