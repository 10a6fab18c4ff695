import { deadline, FakeClock } from '@berth/kit';
import { NfsError } from '@berth/nfs-client';
import { expect, test } from 'vitest';
import { asNfsFailure } from './backend/nfs/nfs-failure.ts';
import { failureAnswer } from './nfs-mount-command.ts';

test('a mount that its server does not answer in time for is UNAVAILABLE, and no failure of ours', async () => {
  const clock = new FakeClock();
  using limit = deadline(clock, 25_000);
  await clock.advance(25_000);
  const answer = failureAnswer(limit.signal.reason);
  expect(answer).toEqual({ code: 'TIMEDOUT', message: 'timed out after 25000 ms' });
  const told = asNfsFailure(new NfsError('TIMEDOUT', 'timed out after 25000 ms'), 'nas');
  expect(told).toMatchObject({ code: 'UNAVAILABLE', message: expect.stringContaining('nas') });
});
