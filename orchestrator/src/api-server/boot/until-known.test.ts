import { FakeClock } from '@berth/kit';
import { apiError } from '@berth/kube';
import { expect, test } from 'vitest';
import { StoreError } from '../../store/store-error.ts';
import { untilKnown } from './until-known.ts';

test('a step whose write nobody knows about is done again, for half a minute', async () => {
  const clock = new FakeClock();
  let tries = 0;
  const succeed = untilKnown(clock, async () => {
    tries++;
    if (tries === 1) throw apiError('Timeout', 'etcdserver: request timed out');
    if (tries === 2) throw new StoreError('Uncertain', 'Connection dropped');
  });
  await clock.advance(200);
  await succeed;
  expect(tries).toBe(3);
  const fail = untilKnown(clock, () => Promise.reject(apiError('Timeout', 'etcdserver: request timed out')));
  const failed = expect(fail).rejects.toMatchObject({ code: 'Timeout' });
  await clock.advance(31_000);
  await failed;
});

test('a step that was refused is not', async () => {
  let tries = 0;
  const step = async () => {
    tries++;
    throw apiError('Invalid', 'no');
  };
  await expect(untilKnown(new FakeClock(), step)).rejects.toMatchObject({ code: 'Invalid' });
  expect(tries).toBe(1);
});
