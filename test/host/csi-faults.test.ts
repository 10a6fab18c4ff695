import { expect, test } from 'vitest';
import { faultyPool } from '../harness/fault-points.ts';
import { lifeKinds } from '../harness/volume-life.ts';

const errnos = ['ENOSPC', 'EIO', 'EROFS', 'EBUSY', 'EMFILE'] as const;

/** What a call that only looks may fail with. */
const looking = ['EIO', 'EMFILE'] as const;

/** What each is told as. A path that answers EIO is taken for a broken mount, which is not what was asked for. */
const allowed: Readonly<Record<string, readonly string[]>> = {
  ENOSPC: ['RESOURCE_EXHAUSTED'],
  EIO: ['INTERNAL', 'DATA_LOSS', 'FAILED_PRECONDITION', 'NOT_FOUND'],
  EROFS: ['FAILED_PRECONDITION'],
  EBUSY: ['FAILED_PRECONDITION', 'ABORTED'],
  EMFILE: ['UNAVAILABLE'],
};

/** All five at each call where asked; otherwise one of each kind of call in each kind of step, an errno in turn. */
const every = process.env['BERTH_EVERY_FAILPOINT'] === '1';
const limitMs = every ? 3_600_000 : 180_000;

for (const [what, kind] of Object.entries(lifeKinds)) {
  test(`${what}: a system call that fails is told with a code, changes nothing, and the call succeeds when repeated`, {
    timeout: limitMs,
  }, async () => {
    const failures: string[] = [];
    const told = new Set<string>();
    let pool = await faultyPool(kind);
    await pool.live();
    const { calls, changes } = await pool.live();
    for (const [i, n] of points(calls).entries()) {
      // There are many more calls that only look than calls that change something: a fourth of them must do.
      if (!every && !changes[n - 1] && i % 4 !== 0) continue;
      const possible = changes[n - 1] ? errnos : looking;
      for (const errno of every ? possible : [possible[n % possible.length] as string]) {
        const fail = (message: string) => failures.push(`${errno} at ${calls[n - 1]} (${n}): ${message}`);
        try {
          const { said, hit = '' } = await pool.live({ n, errno });
          if (said?.includes('unexpected')) fail(`${hit}: ${said}`);
          if (said === undefined || hit.startsWith('start')) continue;
          const code = said.split(' ', 1)[0] as string;
          if (!allowed[errno]?.includes(code)) fail(`${hit} was told as ${said}`);
          told.add(errno);
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
    expect([...told].sort()).toEqual([...errnos].sort());
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
