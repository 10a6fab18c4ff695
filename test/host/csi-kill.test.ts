import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type CrashPoint, crashingPool } from '../harness/crash-points.ts';
import { type DriverProcess, startDriverProcess, startProgram } from '../harness/driver-process.ts';
import { checkKept, checkNothingLeft, make, repeat, undisturbed, wordsOf } from '../harness/life-checks.ts';
import { lifePlace } from '../harness/life-place.ts';
import { type LifeKind, lifeKinds, VolumeLife } from '../harness/volume-life.ts';

/** All side effects where asked; otherwise some, spread over the life. csi-failpoints.test.ts has the others, in one process. */
const every = process.env['BERTH_EVERY_FAILPOINT'] === '1';
const sampled = 5;
const limitMs = every ? 7_200_000 : 180_000;

const program = join(import.meta.dirname, '../../csi-driver/src/main.ts');
const dieAt = join(import.meta.dirname, '../harness/die-at.ts');

/** A life has every call there is. */
const flags = ['--attach'];

/** The real program, which ends by SIGKILL at a side effect of its own. */
async function startDoomed(folder: string, { when, n }: CrashPoint): Promise<DriverProcess> {
  process.env['BERTH_DIE_AT'] = `${when} ${n}`;
  try {
    const node = ['--disable-warning=ExperimentalWarning', '--import', dieAt, program];
    return await startProgram(folder, { node, flags });
  } finally {
    delete process.env['BERTH_DIE_AT'];
  }
}

/** @returns whether the driver died. */
async function live(kind: LifeKind, at: CrashPoint): Promise<boolean> {
  using place = await lifePlace(kind.poolFs);
  const life = new VolumeLife({ kind, folder: place.folder, name: 'life' });
  const doomed = await startDoomed(place.folder, at);
  let driver = doomed;
  for (const step of life.steps) {
    let acknowledge: unknown;
    try {
      acknowledge = await make(step, driver);
    } catch (error) {
      await driver.kill();
      if (driver !== doomed || doomed.child.signalCode !== 'SIGKILL')
        throw new Error(`${step.what}: ${wordsOf(error)}`);
      driver = await startDriverProcess(place.folder, flags);
      await checkKept(driver, life, { step, log: driver.log().split('\n'), pool: place.pool });
      acknowledge = await repeat(step, driver);
    }
    if (typeof acknowledge === 'function') acknowledge();
  }
  await driver[Symbol.asyncDispose]();
  await using last = await startDriverProcess(place.folder, flags);
  await checkNothingLeft(last, life, place);
  return driver !== doomed;
}

for (const [what, kind] of Object.entries(lifeKinds)) {
  test(`${what}: kill -9 of the program at a side effect loses and leaves nothing`, { timeout: limitMs }, async () => {
    using pool = await crashingPool(kind);
    const { changes } = await pool.live();
    const stride = every ? 1 : Math.floor(changes.length / sampled);
    for (let n = every ? 1 : Math.floor(stride / 2); n <= changes.length - 2; n += stride) {
      const at: CrashPoint = { n, when: n % 2 === 0 ? 'before' : 'after' };
      const died = await undisturbed(() => live(kind, at)).catch((error: unknown) => {
        throw new Error(`${at.when} ${changes[n - 1]} (${n}): ${wordsOf(error)}`, { cause: error });
      });
      expect(died, `${n}`).toBe(true);
    }
  });
}
