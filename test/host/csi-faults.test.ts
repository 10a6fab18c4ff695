import { expect, test } from 'vitest';
import { FaultPlan } from '../harness/fault-plan.ts';
import { faultyPool, type MetFault } from '../harness/fault-points.ts';
import { type LifeKind, lifeKinds } from '../harness/life-kinds.ts';

/** What each is told as. A path that answers EIO is taken for a broken mount, which is not what was asked for; a pool for one that is gone. */
const allowed: Readonly<Record<string, readonly string[]>> = {
  ENOSPC: ['RESOURCE_EXHAUSTED'],
  EIO: ['INTERNAL', 'DATA_LOSS', 'FAILED_PRECONDITION', 'NOT_FOUND', 'UNAVAILABLE'],
  EROFS: ['FAILED_PRECONDITION'],
  EBUSY: ['FAILED_PRECONDITION', 'ABORTED'],
  EMFILE: ['UNAVAILABLE'],
};

/** All five at each call where asked; otherwise one of each kind of call in each kind of step, an errno in turn. */
const every = process.env['BERTH_EVERY_FAILPOINT'] === '1';
/** Those whose names this matches alone, such as one that a test has named. */
const only = process.env['BERTH_FAILPOINT'];

/** What one kind of image had is not had again by the next, which differs in some of its calls; where asked, it is. */
const plans = new Map<string, FaultPlan>();

const timeout = every ? 7_200_000 : 180_000;
const enoughFailures = 20;

for (const [what, kind] of Object.entries(lifeKinds)) {
  test(`${what}: a system call that fails is told with a code, changes nothing, and the call succeeds when repeated`, {
    timeout,
  }, async () => {
    const { backend = 'none' } = kind.parameters;
    const known = every ? undefined : plans.get(backend);
    const plan = known ?? new FaultPlan({ every, only });
    plans.set(backend, plan);
    const { failures, told } = await outcomesOf(kind, plan);
    expect(failures).toEqual([]);
    if (only === undefined && !known) expect([...told].sort()).toEqual(Object.keys(allowed).sort());
  });
}

/** Lives until one had nothing new. */
async function outcomesOf(kind: LifeKind, plan: FaultPlan) {
  const failures: string[] = [];
  const told = new Set<string>();
  let pool = await faultyPool(kind);
  try {
    // What a pool is made of is there then.
    await pool.live();
    for (let tried = -1; tried < plan.tried.size && failures.length < enoughFailures; ) {
      tried = plan.tried.size;
      try {
        for (const fault of await pool.live(plan)) {
          const objection = objectionTo(fault);
          if (objection !== undefined) failures.push(objection);
          if (fault.said !== undefined) told.add(fault.errno);
        }
      } catch (error) {
        failures.push((error as Error).message);
        pool[Symbol.dispose]();
        pool = await faultyPool(kind);
        await pool.live();
      }
    }
  } finally {
    pool[Symbol.dispose]();
  }
  return { failures, told };
}

function objectionTo({ point, errno, said }: MetFault): string | undefined {
  if (said === undefined) return undefined;
  const what = `${errno} at ${point} was told as ${said}`;
  if (said.includes('unexpected')) return what;
  const code = said.split(' ', 1)[0] as string;
  return point.startsWith('start') || allowed[errno]?.includes(code) ? undefined : what;
}
