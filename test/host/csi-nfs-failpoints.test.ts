import { afterAll, beforeAll, expect, test } from 'vitest';
import { Ganesha } from '../harness/ganesha.ts';
import type { LifeOnShare } from '../harness/share-life.ts';
import { type NfsStatus, type SeenCall, type ShareFault, sharePool } from '../harness/share-trials.ts';

/** All of them where asked; otherwise one of each kind of call in each kind of step. */
const every = process.env['BERTH_EVERY_FAILPOINT'] === '1';
const limitMs = every ? 7_200_000 : 240_000;

let server: Ganesha;
beforeAll(async () => {
  server = await Ganesha.start();
});
afterAll(() => server?.[Symbol.asyncDispose]());

const shareOf = (version: '3' | '4.2'): LifeOnShare => ({
  server: server.host,
  export: server.export,
  root: server.root,
  version,
});

/** Positions of calls from 1: all, or the first of each kind. */
function positions(calls: readonly SeenCall[], wanted: (call: SeenCall) => boolean): number[] {
  const seen = new Set<string>();
  return calls.flatMap((call, index) => {
    if (!wanted(call) || (!every && seen.has(call.label))) return [];
    seen.add(call.label);
    return [index + 1];
  });
}

/** A failed life leaves what the next would meet: those begin anew. */
async function failuresOf(share: LifeOnShare, faults: readonly (readonly ShareFault[])[]): Promise<string[]> {
  const failures: string[] = [];
  let pool = await sharePool(share);
  for (const [first, second] of faults) {
    const about = `${first?.what} ${first?.n}${second ? `, then ${second.what} ${second.n}` : ''}`;
    const failed = await pool.live(first, second).then(
      () => undefined,
      (error: Error) => error.message,
    );
    if (failed === undefined) continue;
    failures.push(`${about}: ${failed}`);
    pool[Symbol.dispose]();
    pool = await sharePool(share);
  }
  pool[Symbol.dispose]();
  return failures;
}

for (const version of ['3', '4.2'] as const) {
  test(`NFSv${version}: a crash before or after any side effect, here or on the server, loses and leaves nothing`, {
    timeout: limitMs,
  }, async () => {
    const share = shareOf(version);
    using pool = await sharePool(share);
    await pool.live();
    const { calls } = await pool.live();
    expect(calls.filter(({ changes }) => changes).length).toBeGreaterThan(60);
    const points = positions(calls, ({ changes }) => changes);
    const faults = points.flatMap((n, index): ShareFault[][] => {
      const both = [[{ n, what: 'before' as const }], [{ n, what: 'after' as const }]];
      return every ? both : [both[index % 2] as ShareFault[]];
    });
    expect(await failuresOf(share, faults)).toEqual([]);
  });
}

test('a crash of the start that ends what a crash left on a server loses and leaves nothing', {
  timeout: limitMs,
}, async () => {
  const share = shareOf('3');
  using pool = await sharePool(share);
  const { calls } = await pool.live();
  const points = positions(calls, ({ changes }) => changes).filter((_, index) => every || index % 6 === 0);
  const faults: ShareFault[][] = [];
  for (const n of points) {
    const first = { n, what: 'after' as const };
    const { atRestart } = await pool.live(first);
    const seconds = positions(atRestart, ({ changes, label }) => changes && label.includes('NFS3'));
    for (const second of every ? seconds : seconds.slice(0, 3)) faults.push([first, { n: second, what: 'before' }]);
  }
  expect(faults.length).toBeGreaterThan(0);
  expect(await failuresOf(share, faults)).toEqual([]);
});

/** What each is told as; `JUKEBOX` is asked again, and told to nobody. */
const told: Readonly<Record<NfsStatus, readonly string[]>> = {
  IO: ['UNAVAILABLE', 'INTERNAL'],
  NOSPC: ['RESOURCE_EXHAUSTED'],
  ROFS: ['FAILED_PRECONDITION'],
  DQUOT: ['RESOURCE_EXHAUSTED'],
  STALE: ['UNAVAILABLE'],
  JUKEBOX: [],
};

test('a server that refuses any call is told with a code, nothing is left, and the call succeeds when repeated', {
  timeout: limitMs,
}, async () => {
  const share = shareOf('3');
  let pool = await sharePool(share);
  await pool.live();
  const { calls } = await pool.live();
  const statuses = Object.keys(told) as NfsStatus[];
  const failures: string[] = [];
  const heard = new Set<string>();
  for (const [index, n] of positions(calls, ({ label }) => !/PORTMAP|MOUNT/.test(label)).entries()) {
    for (const what of every ? statuses : [statuses[index % statuses.length] as NfsStatus]) {
      try {
        const { said, hit } = await pool.live({ n, what });
        if (said === undefined || hit?.startsWith('start')) continue;
        const code = said.split(' ', 1)[0] as string;
        if (!told[what].includes(code) || said.includes('unexpected')) failures.push(`${what} at ${hit}: ${said}`);
        heard.add(what);
      } catch (error) {
        failures.push(`${what} at ${calls[n - 1]?.label} (${n}): ${(error as Error).message}`);
        pool[Symbol.dispose]();
        pool = await sharePool(share);
      }
    }
  }
  pool[Symbol.dispose]();
  expect(failures).toEqual([]);
  expect([...heard].sort()).toEqual(['DQUOT', 'IO', 'NOSPC', 'ROFS', 'STALE']);
});
