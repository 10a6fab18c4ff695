import { FakeClock } from '@berth/kit';
import { expect, test } from 'vitest';
import { QuietMoments } from './quiet-moments.ts';

function setUp() {
  const clock = new FakeClock();
  let runs = 0;
  const run = async () => {
    runs++;
  };
  const moments = new QuietMoments({ clock, everyMs: 500, little: 10, worth: 100, run });
  return { clock, moments, runs: () => runs };
}

test('it runs once after enough work, as soon as there is little', async () => {
  const { clock, moments, runs } = setUp();
  using _ = moments;
  for (let i = 0; i < 5; i++) {
    moments.worked(50);
    await clock.advance(500);
  }
  expect(runs()).toBe(0);
  await clock.advance(1000);
  expect(runs()).toBe(1);
  await clock.advance(60_000);
  expect(runs()).toBe(1);
});

test('a little work now and then is not worth it until it is enough', async () => {
  const { clock, moments, runs } = setUp();
  using _ = moments;
  for (let i = 0; i < 99; i++) {
    moments.worked(1);
    await clock.advance(1000);
  }
  expect(runs()).toBe(0);
  moments.worked(1);
  await clock.advance(1000);
  expect(runs()).toBe(1);
});

test('nothing is left of it when it is disposed of', async () => {
  const { clock, moments, runs } = setUp();
  moments.worked(1000);
  moments[Symbol.dispose]();
  await clock.advance(5000);
  moments.worked(1000);
  await clock.advance(5000);
  expect(runs()).toBe(0);
});
