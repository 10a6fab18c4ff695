import { expect, test } from 'vitest';
import { faultyPool } from '../harness/fault-points.ts';
import { lifeKinds } from '../harness/volume-life.ts';

const errnos = ['ENOSPC', 'EIO', 'EROFS', 'EBUSY', 'EMFILE'] as const;

/** All five at each call where asked; otherwise one of each kind of call in each kind of step, an errno in turn. */
const every = process.env['BERTH_EVERY_FAILPOINT'] === '1';
const limitMs = every ? 3_600_000 : 180_000;

for (const [what, kind] of Object.entries(lifeKinds)) {
  test(`${what}: a system call that fails is told with a code, changes nothing, and the call succeeds when repeated`, {
    timeout: limitMs,
  }, async () => {
    const failures: string[] = [];
    const codes = new Map<string, Set<string>>();
    let pool = await faultyPool(kind);
    await pool.live();
    const { calls } = await pool.live();
    for (const [i, n] of points(calls).entries()) {
      for (const errno of every ? errnos : [errnos[i % errnos.length] as string]) {
        const fail = (message: string) => failures.push(`${errno} at ${calls[n - 1]} (${n}): ${message}`);
        try {
          const { said } = await pool.live({ n, errno });
          if (said?.includes('unexpected')) fail(said);
          if (said !== undefined && !calls[n - 1]?.startsWith('start')) {
            codes.set(errno, (codes.get(errno) ?? new Set()).add(said.split(' ', 1)[0] as string));
          }
        } catch (error) {
          fail((error as Error).message);
          pool[Symbol.dispose]();
          pool = await faultyPool(kind);
          await pool.live();
        }
      }
    }
    pool[Symbol.dispose]();
    expect(failures).toEqual([]);
    console.log(codes);
  });
}

function points(calls: readonly string[]): number[] {
  if (every) return calls.map((_, i) => i + 1);
  const seen = new Set<string>();
  return calls.flatMap((call, i) => {
    const kind = call.replace(/life\d+-\w+/, '');
    if (seen.has(kind)) return [];
    seen.add(kind);
    return [i + 1];
  });
}
