import { expect, test } from 'vitest';
import { killedLife } from '../harness/killed-life.ts';
import { plainKinds } from '../harness/life-kinds.ts';

/**
 * Each program of a life ends at this change to the machine, counted from its start, until as many have: other places in
 * each life. csi-failpoints.test.ts has every place, in one process; here is what the kernel does for a killed one.
 */
const places = [17, 29, 23, 37, 31];
/** More lives, which end elsewhere, where asked. */
const lives = process.env['BERTH_EVERY_FAILPOINT'] === '1' ? 40 : 1;
const timeout = lives > 1 ? 7_200_000 : 600_000;

for (const [what, kind] of Object.entries(plainKinds)) {
  test(`${what}: kill -9 of the program at a side effect loses and leaves nothing`, { timeout }, async () => {
    for (let i = 0; i < lives; i++) {
      const deaths = places.map((place) => place + i);
      // One that has little to do with the machine makes few changes.
      expect(await killedLife(kind, deaths), `${i}`).toBeGreaterThanOrEqual(kind.inline ? 0 : 3);
    }
  });
}
