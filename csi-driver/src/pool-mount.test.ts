import type { MountInfo } from '@berth/linux';
import { expect, test } from 'vitest';
import { objectionToMount } from './pool-mount.ts';

const mountAt = (mountPoint: string, root = '/') => ({ mountPoint, root }) as MountInfo;
const pool = (path: string, mount?: string) => ({
  name: 'main',
  named: true,
  path,
  overcommit: 1,
  ...(mount === undefined ? {} : { mount }),
});

const cases: Record<string, [pool: ReturnType<typeof pool>, mounts: readonly MountInfo[], objection?: string]> = {
  'nothing is said of mounts': [pool('/nowhere'), []],
  'a filesystem is mounted at it': [pool('/mnt/a', 'required'), [mountAt('/'), mountAt('/mnt/a')]],
  'only the one above it is mounted': [
    pool('/mnt/a/pool', 'required'),
    [mountAt('/'), mountAt('/mnt/a')],
    'nothing is mounted at /mnt/a/pool',
  ],
  'it is in what is mounted': [pool('/mnt/a/pool', '/mnt/a'), [mountAt('/'), mountAt('/mnt/a')]],
  'what it should be in is not mounted': [
    pool('/mnt/a/pool', '/mnt/a'),
    [mountAt('/'), mountAt('/mnt/a/pool')],
    'nothing is mounted at /mnt/a',
  ],
  'it is bound to a directory': [
    pool('/mnt/nowhere', 'required'),
    [mountAt('/mnt/nowhere', '/var/pool')],
    'what is mounted at /mnt/nowhere is /var/pool of another filesystem, and none of its own',
  ],
  'a disk is mounted over a directory that was bound': [
    pool('/mnt/a', 'required'),
    [mountAt('/mnt/a', '/var/pool'), mountAt('/mnt/a')],
  ],
};

for (const [what, [options, mounts, objection]] of Object.entries(cases)) {
  test(`a pool is ${objection === undefined ? '' : 'not '}used where ${what}`, () => {
    expect(objectionToMount(options, { mounts: () => mounts })).toBe(objection);
  });
}
