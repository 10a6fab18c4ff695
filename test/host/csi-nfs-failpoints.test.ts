import { afterAll, beforeAll, expect, test } from 'vitest';
import { CrashPlan } from '../harness/crash-plan.ts';
import { crashAll } from '../harness/crash-points.ts';
import { FaultPlan } from '../harness/fault-plan.ts';
import { failAll } from '../harness/fault-points.ts';
import { Ganesha } from '../harness/ganesha.ts';
import { shareKind } from '../harness/share-life.ts';

/** All of them where asked; otherwise one of each kind of call in each kind of step. */
const every = process.env['BERTH_EVERY_FAILPOINT'] === '1';
/** Those whose names this matches alone, such as one that a test has named. */
const only = process.env['BERTH_FAILPOINT'];
const timeout = every ? 7_200_000 : 600_000;

let server: Ganesha;
beforeAll(async () => {
  server = await Ganesha.start();
});
afterAll(() => server?.[Symbol.asyncDispose]());

for (const version of ['3', '4.2'] as const) {
  test(`NFSv${version}: a crash at any side effect, here or on the server, and of the start after it, loses and leaves nothing`, {
    timeout,
  }, async () => {
    const plan = new CrashPlan({ every, only });
    expect(await crashAll(shareKind(server, version), plan)).toEqual([]);
    if (only !== undefined) return;
    const points = [...plan.tried.keys()];
    expect(points.filter((point) => point.includes('NFS')).length).toBeGreaterThan(10);
    expect(points.filter((point) => point.startsWith('start after') && point.includes('NFS')).length).toBeGreaterThan(
      3,
    );
  });
}

test('a server that refuses any call is told with a code, nothing is left, and the call succeeds when repeated', {
  timeout,
}, async () => {
  const { failures, told } = await failAll(shareKind(server, '3'), new FaultPlan({ every, only }));
  expect(failures).toEqual([]);
  if (only !== undefined) return;
  const refusals = ['DQUOT', 'IO', 'NOSPC', 'ROFS', 'STALE'].map((status) => `NFS3ERR_${status}`);
  expect(told).toEqual(['EBUSY', 'EIO', 'EMFILE', 'ENOSPC', 'EROFS', ...refusals]);
});
