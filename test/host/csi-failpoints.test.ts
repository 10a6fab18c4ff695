import { expect, test } from 'vitest';
import { type CrashPoint, crashingPool } from '../harness/crash-points.ts';
import { type LifeKind, lifeKinds } from '../harness/volume-life.ts';

/** All of them where asked; otherwise one of each kind of change in each kind of call, before or after it in turn. */
const every = process.env['BERTH_EVERY_FAILPOINT'] === '1';

/** The machine may have much else to do. */
const limitMs = every ? 3_600_000 : 180_000;

for (const [what, kind] of Object.entries(lifeKinds)) {
  test(`${what}: a crash at any side effect of a volume's life loses and leaves nothing`, {
    timeout: limitMs,
  }, async () => {
    const { fresh, used } = await undisturbed(kind);
    expect(used.length).toBeGreaterThan(40);
    const points = every ? all(used.length) : sample(used);
    expect(await failuresOf(kind, points, used)).toEqual([]);
    const first = fresh.filter((change) => change.startsWith('start:')).length;
    const starts = (every ? all(first) : all(first).filter(({ n }) => n % 3 === 0)).map((at) => ({
      ...at,
      fresh: true,
    }));
    expect(await failuresOf(kind, starts, fresh)).toEqual([]);
  });

  test(`${what}: a crash of the start that ends what a crash left loses and leaves nothing`, {
    timeout: limitMs,
  }, async () => {
    const { used } = await undisturbed(kind);
    const failures: string[] = [];
    using pool = await crashingPool(kind);
    const quiet = (await pool.live()).atRestart.length;
    for (const at of every ? all(used.length) : sample(used).filter((_, i) => i % 4 === 0)) {
      const { atRestart } = await pool.live(at);
      // Where the start has nothing to end, its crash is that of any start.
      if (atRestart.length <= quiet) continue;
      for (const second of every
        ? all(atRestart.length)
        : all(atRestart.length)
            .slice(quiet * 2)
            .filter((_, i) => i % 3 === 0)) {
        const where = `${at.when} ${used[at.n - 1]}, then ${second.when} ${atRestart[second.n - 1]}`;
        await pool.live(at, second).catch((error: Error) => failures.push(`${where}: ${error.message}`));
        expect(failures).toEqual([]);
      }
    }
  });
}

/** The changes of a life on a new pool, and of one on a pool that has been used. */
async function undisturbed(kind: LifeKind) {
  using pool = await crashingPool(kind);
  const { changes: fresh } = await pool.live();
  const { changes: used } = await pool.live();
  return { fresh, used };
}

async function failuresOf(
  kind: LifeKind,
  points: readonly (CrashPoint & { readonly fresh?: boolean })[],
  changes: readonly string[],
): Promise<string[]> {
  const failures: string[] = [];
  let pool = await crashingPool(kind);
  for (const at of points) {
    const failed = await pool.live(at).then(
      ({ crashed }) => (crashed ? undefined : 'was not reached'),
      (error: Error) => error.message,
    );
    if (failed !== undefined) failures.push(`${at.when} ${changes[at.n - 1]} (${at.n}): ${failed}`);
    if (failed === undefined && !at.fresh) continue;
    pool[Symbol.dispose]();
    pool = await crashingPool(kind);
  }
  pool[Symbol.dispose]();
  return failures;
}

function all(count: number): CrashPoint[] {
  return Array.from({ length: count * 2 }, (_, i) => ({ n: (i >> 1) + 1, when: i % 2 === 0 ? 'before' : 'after' }));
}

function sample(changes: readonly string[]): CrashPoint[] {
  const seen = new Set<string>();
  return changes.flatMap((change, i): CrashPoint[] => {
    const kind = change.replace(/life\d+-\w+/, '');
    if (seen.has(kind)) return [];
    seen.add(kind);
    return [{ n: i + 1, when: seen.size % 2 === 0 ? 'before' : 'after' }];
  });
}
