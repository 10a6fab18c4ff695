import { expect, test } from 'vitest';
import { undisturbed } from '../harness/life-checks.ts';
import { lifeKinds } from '../harness/life-kinds.ts';
import { powerCuts } from '../harness/power-cuts.ts';
import type { DataFs } from '../harness/power-disks.ts';

/** At every side effect where asked; otherwise at one of each kind in each kind of call, and after each call. */
const every = process.env['BERTH_EVERY_FAILPOINT'] === '1';
const timeout = every ? 3_600_000 : 600_000;

const cases: readonly [kind: string, dataFs: DataFs][] = [
  ['directory', 'ext4'],
  ['directory', 'xfs'],
  ['image', 'ext4'],
  ['image', 'xfs'],
  ['btrfs', 'btrfs'],
];

const kindOf = (name: string) => lifeKinds[name]!;

for (const [name, dataFs] of cases) {
  test(`${name} on ${dataFs}: after a power cut all that was answered is there, and nothing stands in the way`, {
    timeout,
  }, async () => {
    const { cuts, failures } = await undisturbed(() => powerCuts({ kind: kindOf(name), dataFs, every }));
    expect(failures).toEqual([]);
    expect(cuts).toBeGreaterThan(40);
  });
}

const forgotten: readonly [what: string, call: string, found: RegExp][] = [
  [
    'to synchronize directories',
    'fsync',
    /power cut after CreateVolume \S+: .*(was answered and is lost|missing from the pool)/,
  ],
  ['to synchronize what it copied', 'syncfs', /power cut after Create\S+ \S+: .*(ENOENT|does not hold)/],
];

for (const [what, call, found] of forgotten) {
  test(`a driver that forgets ${what} is found out`, { timeout }, async () => {
    const kind = kindOf('directory');
    const forget = ({ name }: { readonly name: string }) => name === call;
    const { failures } = await undisturbed(() => powerCuts({ kind, dataFs: 'ext4', every: false, forget }));
    expect(failures.join('\n')).toMatch(found);
  });
}
