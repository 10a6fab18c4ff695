import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, renameSync, rmSync, statfsSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { limitProject, openRoot, projectOf, projectQuotaState, projectUsage, setProject } from '@berth/linux';
import { freshDisk } from './disks.ts';
import type { GuestCase } from './guest-case.ts';
import { until } from './until.ts';
import { writeAsUser } from './write-as.ts';

const MiB = 1024 ** 2;

const kinds = [
  { fsType: 'ext4', refusal: 'EDQUOT' },
  { fsType: 'xfs', refusal: 'ENOSPC' },
] as const;

export const cases: readonly GuestCase[] = kinds.flatMap(({ fsType, refusal }) => [
  {
    name: `a project on ${fsType} stops a writer at its limit with ${refusal}, counts in constant time, and shows in df`,
    run: async () => {
      using disk = freshDisk(fsType);
      const path = join(disk.path, 'volume');
      mkdirSync(path, { mode: 0o777 });
      using directory = openRoot(path);
      assert.equal(projectQuotaState(directory), 'enforces');
      assert.equal(projectOf(directory), 0);
      setProject(directory, 4711);
      limitProject(directory, 4711, 16 * MiB);
      assert.equal(projectOf(directory), 4711);
      assert.equal(projectUsage(directory, 4711).inodes, 1);
      mkdirSync(join(path, 'below'), { mode: 0o777 });
      // The umask took the others' bits off.
      for (const one of [path, join(path, 'below')]) chmodSync(one, 0o777);
      assert.equal(writeAsUser(join(path, 'below/small'), 4 * MiB), undefined);
      assert.equal(writeAsUser(join(path, 'below/large'), 64 * MiB), refusal);
      const { usedBytes, maxBytes, inodes } = projectUsage(directory, 4711);
      assert.equal(maxBytes, 16 * MiB);
      assert.ok(usedBytes <= 16 * MiB && usedBytes > 15 * MiB, `${usedBytes}`);
      assert.equal(inodes, 4);
      const { blocks, bsize } = statfsSync(path);
      assert.equal(blocks * bsize, 16 * MiB);
      limitProject(directory, 4711, 32 * MiB);
      assert.equal(writeAsUser(join(path, 'below/more'), 8 * MiB), undefined);
      rmSync(join(path, 'below'), { recursive: true });
      // xfs gives back what was removed a little later.
      await until(() => projectUsage(directory, 4711).inodes === 1);
    },
  },
  {
    name: `a project on ${fsType} takes nothing in from another by rename, and lets its directory go`,
    run: async () => {
      using disk = freshDisk(fsType);
      const path = join(disk.path, 'volume');
      mkdirSync(path);
      using directory = openRoot(path);
      setProject(directory, 7);
      writeFileSync(join(disk.path, 'outside'), 'x');
      assert.throws(() => renameSync(join(disk.path, 'outside'), join(path, 'inside')), { code: 'EXDEV' });
      mkdirSync(join(disk.path, 'trash'));
      renameSync(path, join(disk.path, 'trash/volume'));
      assert.ok(statSync(join(disk.path, 'trash/volume')).isDirectory());
    },
  },
  {
    name: `${fsType} that is mounted without quotas says so`,
    run: async () => {
      using disk = freshDisk(fsType, []);
      using directory = openRoot(disk.path);
      assert.equal(projectQuotaState(directory), fsType === 'ext4' ? 'counts' : 'off');
    },
  },
]);
