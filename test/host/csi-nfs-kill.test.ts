import { afterAll, beforeAll, expect, test } from 'vitest';
import { Ganesha } from '../harness/ganesha.ts';
import { killedLife } from '../harness/killed-life.ts';
import { shareKind } from '../harness/share-life.ts';

/**
 * Each program of a life ends at this change, here or on the server, counted from its start, until as many have: other
 * places in each life. csi-nfs-failpoints.test.ts has every place of the controller's, in one process; here are mounts too.
 */
const places = [38, 47, 34, 61, 41, 52, 36, 44, 33, 57];
/** More lives, which end elsewhere, where asked. */
const lives = process.env['BERTH_EVERY_FAILPOINT'] === '1' ? 40 : 1;
const timeout = lives > 1 ? 7_200_000 : 600_000;

let server: Ganesha;
beforeAll(async () => {
  server = await Ganesha.start();
});
afterAll(() => server?.[Symbol.asyncDispose]());

test('kill -9 of the program at a side effect, mounts and server included, loses and leaves nothing', {
  timeout,
}, async () => {
  for (let i = 0; i < lives; i++) {
    const kind = shareKind(server, i % 2 === 0 ? '3' : '4.2', { isMounted: true });
    const deaths = places.map((place) => place + i);
    expect(await killedLife(kind, deaths), `${i}`).toBeGreaterThanOrEqual(4);
  }
});
