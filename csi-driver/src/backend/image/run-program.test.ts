import { systemClock } from '@berth/kit';
import { expect, test } from 'vitest';
import { programRunner } from './run-program.ts';

const run = programRunner(systemClock);

test('a program that asks a question gets no answer and ends, where it would wait', async () => {
  await expect(run('sh', ['-c', 'read answer || exit 3'], 5000)).resolves.toEqual({ exitCode: 3, output: '' });
});

test('a program that is not installed is FAILED_PRECONDITION', async () => {
  const missing = run('mkfs.none-such', [], 5000);
  await expect(missing).rejects.toEqual(expect.objectContaining({ code: 'FAILED_PRECONDITION' }));
});
