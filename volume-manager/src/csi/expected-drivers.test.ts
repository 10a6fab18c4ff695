import { FakeClock } from '@berth/kit';
import { expect, test } from 'vitest';
import { ExpectedDrivers } from './expected-drivers.ts';

const never = new AbortController().signal;

/** What waits so far, as a list that grows when it may go on. */
function waiting(drivers: ExpectedDrivers, name: string): string[] {
  const done: string[] = [];
  void drivers.wait(name, never).then(() => done.push(name));
  return done;
}

test('volumes wait for a driver that was there a moment ago, until it is back', async () => {
  const clock = new FakeClock();
  using drivers = new ExpectedDrivers(clock);
  drivers.add('a');
  const done = waiting(drivers, 'a');
  await clock.advance(9_999);
  expect(done).toEqual([]);
  drivers.arrived('a');
  await clock.advance(0);
  expect(done).toEqual(['a']);
});

test('nobody waits for a driver that does not come back, or never was', async () => {
  const clock = new FakeClock();
  using drivers = new ExpectedDrivers(clock);
  drivers.add('a');
  const [a, b] = [waiting(drivers, 'a'), waiting(drivers, 'b')];
  await clock.advance(0);
  expect(b).toEqual(['b']);
  await clock.advance(10_000);
  expect(a).toEqual(['a']);
  await drivers.wait('a', never);
});

test('a wait ends with its signal', async () => {
  using drivers = new ExpectedDrivers(new FakeClock());
  drivers.add('a');
  await expect(drivers.wait('a', AbortSignal.abort(new Error('stopped')))).rejects.toThrow('stopped');
});
