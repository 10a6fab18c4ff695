import { expect, test } from 'vitest';
import { linuxMounter } from './mounter.linux.ts';
import { MountTable, readMounts } from './read-mounts.ts';

test('each mount is found in the table read aside as the mounter tells it', async () => {
  const table = await readMounts();
  const mounts = linuxMounter.mounts().filter(({ mountPoint }) => /^\/(proc|dev|sys)?$/.test(mountPoint));
  expect(mounts).not.toEqual([]);
  for (const mount of mounts) expect(table.byId(mount.id)).toEqual(mount);
  expect(table.serving('/proc/1/status')?.mountPoint).toBe('/proc');
});

const table = new MountTable(
  [
    '21 1 8:1 / / rw shared:1 - ext4 /dev/root rw',
    '212 21 0:5 / /a rw - tmpfs one rw',
    '12 212 0:6 / /a/b\\040c rw master:3 - nfs4 server:/x rw',
    '30 212 0:7 / /a rw - tmpfs two rw',
    '31 21 0:8 / /cut',
    '',
  ].join('\n'),
);

test.each([
  { path: '/a/b c', id: 12 },
  { path: '/a/b c/d', id: 12 },
  { path: '/a/b cd', id: 30 },
  { path: '/a', id: 30 },
  { path: '/ab', id: 21 },
  { path: '/', id: 21 },
])('$path is served by mount $id', ({ path, id }) => {
  expect(table.serving(path)?.id).toBe(id);
});

test('a mount has the id asked for, and no part of it', () => {
  expect([21, 12, 2, 1].map((id) => table.byId(id)?.mountPoint)).toEqual(['/', '/a/b c', undefined, undefined]);
});
