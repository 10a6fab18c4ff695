import { expect, test } from 'vitest';
import { FaultPlan } from '../harness/fault-plan.ts';
import { failAll } from '../harness/fault-points.ts';
import { lifeKinds } from '../harness/life-kinds.ts';

/** All five at each call where asked; otherwise one of each kind of call in each kind of step, an errno in turn. */
const every = process.env['BERTH_EVERY_FAILPOINT'] === '1';
/** Those whose names this matches alone, such as one that a test has named. */
const only = process.env['BERTH_FAILPOINT'];

/** What one kind of image had is not had again by the next, which differs in some of its calls; where asked, it is. */
const plans = new Map<string, FaultPlan>();

const timeout = every ? 7_200_000 : 600_000;

for (const [what, kind] of Object.entries(lifeKinds)) {
  test(`${what}: a system call that fails is told with a code, changes nothing, and the call succeeds when repeated`, {
    timeout,
  }, async () => {
    const { backend = 'none' } = kind.parameters;
    const known = every ? undefined : plans.get(backend);
    const plan = known ?? new FaultPlan({ every, only });
    plans.set(backend, plan);
    const { failures, told } = await failAll(kind, plan);
    expect(failures).toEqual([]);
    if (only === undefined && !known) expect(told).toEqual(['EBUSY', 'EIO', 'EMFILE', 'ENOSPC', 'EROFS']);
  });
}
