import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type DriverProcess, startDriverProcess, startProgram } from '../harness/driver-process.ts';
import { checkKept, checkNothingLeft, make, repeat, undisturbed, wordsOf } from '../harness/life-checks.ts';
import { type LifeKind, lifeOf, plainKinds } from '../harness/life-kinds.ts';
import { lifePlace } from '../harness/life-place.ts';
import type { LifeStep } from '../harness/volume-life.ts';

/**
 * Each program of a life ends at this change to the machine, counted from its start, until as many have: other places in
 * each life. csi-failpoints.test.ts has every place, in one process; here is what the kernel does for a killed one.
 */
const places = [17, 29, 23, 37, 31];
/** More lives, which end elsewhere, where asked. */
const lives = process.env['BERTH_EVERY_FAILPOINT'] === '1' ? 40 : 1;
const timeout = lives > 1 ? 7_200_000 : 180_000;

const program = join(import.meta.dirname, '../../csi-driver/src/main.ts');
const dieAt = join(import.meta.dirname, '../harness/die-at.ts');

/** A life has every call there is. */
const flags = ['--attach'];

/** The real program, which ends by SIGKILL at a side effect of its own. */
async function startDoomed(folder: string, at: number): Promise<DriverProcess> {
  process.env['BERTH_DIE_AT'] = `${at % 2 === 0 ? 'before' : 'after'} ${at}`;
  try {
    const node = ['--disable-warning=ExperimentalWarning', '--import', dieAt, program];
    return await startProgram(folder, { node, flags });
  } finally {
    delete process.env['BERTH_DIE_AT'];
  }
}

/** @returns how many drivers died. */
async function live(kind: LifeKind, deaths: readonly number[]): Promise<number> {
  using place = await lifePlace(kind.poolFs, kind.poolMiB);
  const life = lifeOf({ kind, folder: place.folder, name: 'life' });
  let died = 0;
  const start = async () => {
    const at = deaths[died];
    return at === undefined ? await startDriverProcess(place.folder, flags) : await startDoomed(place.folder, at);
  };
  let driver = await start();
  /** The call, also of a driver that is dead by then. */
  const attempt = async (step: LifeStep): Promise<unknown> => {
    for (let again = false; ; again = true) {
      try {
        return await (again ? repeat(step, driver) : make(step, driver));
      } catch (error) {
        if (died === deaths.length || !(await hasDied(driver, error)))
          throw new Error(`${step.what} after ${died} deaths: ${wordsOf(error)}`, { cause: error });
        await driver.kill();
        died++;
        driver = await start();
        const log = driver.log().split('\n');
        await checkKept(driver, life, { step, log, pool: place.pool }).catch(async (problem: Error) => {
          if (!(await hasDied(driver, problem))) throw problem;
        });
      }
    }
  };
  for (const step of life.steps) {
    const acknowledge = await attempt(step);
    if (typeof acknowledge === 'function') acknowledge();
  }
  await driver[Symbol.asyncDispose]();
  await using last = await startDriverProcess(place.folder, flags);
  await checkNothingLeft(last, life, place);
  return died;
}

/** A connection is lost a moment before the end is known. */
async function hasDied({ child }: DriverProcess, error: unknown): Promise<boolean> {
  for (let looks = 0; child.signalCode === null && looks < 200; looks++) {
    if ((error as { code?: string }).code !== 'UNAVAILABLE') return false;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return child.signalCode === 'SIGKILL';
}

for (const [what, kind] of Object.entries(plainKinds)) {
  test(`${what}: kill -9 of the program at a side effect loses and leaves nothing`, { timeout }, async () => {
    for (let i = 0; i < lives; i++) {
      const deaths = places.map((place) => place + i);
      const died = await undisturbed(() => live(kind, deaths));
      // One that has little to do with the machine makes few changes.
      expect(died, `${i}`).toBeGreaterThanOrEqual(kind.inline ? 0 : 3);
    }
  });
}
