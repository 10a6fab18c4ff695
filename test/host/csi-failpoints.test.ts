import { expect, test } from 'vitest';
import { CrashPlan } from '../harness/crash-plan.ts';
import { crashAll, crashFirstStarts } from '../harness/crash-points.ts';
import { type LifeKind, lifeKinds, plainKinds } from '../harness/life-kinds.ts';

/** All of them where asked; otherwise one of each kind of change in each kind of call, before or after it in turn. */
const every = process.env['BERTH_EVERY_FAILPOINT'] === '1';
/** Those whose names this matches alone, such as one that a test has named. */
const only = process.env['BERTH_FAILPOINT'];

/** The machine may have much else to do. */
const timeout = every ? 7_200_000 : 600_000;

/** What one kind of image had is not had again by the next, which differs in some of its calls; where asked, it is. */
const plans = new Map<string, CrashPlan>();

for (const [what, kind] of Object.entries(lifeKinds)) {
  test(`${what}: a crash at any side effect of a volume's life, and of the start after it, loses and leaves nothing`, {
    timeout,
  }, async () => {
    const { backend = 'none' } = kind.parameters;
    const plan = (every ? undefined : plans.get(backend)) ?? new CrashPlan({ every, only });
    plans.set(backend, plan);
    expect(await crashAll(kind, plan)).toEqual([]);
    if (only !== undefined) return;
    const points = [...plan.tried.keys()];
    expect(points.filter((point) => !point.startsWith('start')).length).toBeGreaterThan(kind.inline ? 2 : 35);
    expect(points.filter((point) => point.startsWith('start after')).length).toBeGreaterThan(kind.inline ? -1 : 3);
  });
}

const directory = plainKinds['directory'] as LifeKind;
const firstStarts: readonly [what: string, kind: LifeKind, beside?: true][] = [
  ['a new pool on a directory', directory],
  ['a new pool on xfs', { ...directory, poolFs: 'xfs' }],
  ['a new pool on btrfs', { ...directory, poolFs: 'btrfs' }],
  ['a new pool beside another', { ...directory, parameters: { ...directory.parameters, pool: 'other' } }, true],
];

for (const [what, kind, beside] of firstStarts) {
  test(`a crash of the first start of ${what} is mended by the next one`, { timeout }, async () => {
    const plan = new CrashPlan({ every, only });
    expect(await crashFirstStarts(kind, plan, beside)).toEqual([]);
    if (only === undefined) expect(plan.tried.size).toBeGreaterThanOrEqual(5);
  });
}
