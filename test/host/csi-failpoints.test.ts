import { expect, test } from 'vitest';
import { type CrashPoint, crashingPool } from '../harness/crash-points.ts';
import { lifeKinds } from '../harness/volume-life.ts';

/** All of them where asked; otherwise one of each kind of change in each kind of call, before or after it in turn. */
const every = process.env['BERTH_EVERY_FAILPOINT'] === '1';

for (const [what, kind] of Object.entries(lifeKinds)) {
  test(`${what}: a crash at any side effect of a volume's life loses and leaves nothing`, async () => {
    const failures: string[] = [];
    let pool = await crashingPool(kind);
    const { changes } = await pool.live();
    expect(changes.length).toBeGreaterThan(40);
    const points = every ? all(changes.length) : sample(changes);
    for (const at of points) {
      try {
        const { crashed } = await pool.live(at);
        if (!crashed) failures.push(`${at.when} ${at.n} was not reached`);
      } catch (error) {
        failures.push(`${at.when} ${at.n} ${changes[at.n - 1]}: ${(error as Error).message}`);
        await pool[Symbol.asyncDispose]();
        pool = await crashingPool(kind);
      }
    }
    await pool[Symbol.asyncDispose]();
    expect(failures).toEqual([]);
  });
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
