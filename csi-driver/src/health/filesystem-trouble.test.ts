import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { MountInfo } from '@berth/linux';
import { expect, test } from 'vitest';
import { filesystemTroubles } from './filesystem-trouble.ts';

function sysfs(files: Record<string, string>) {
  const folder = mkdtempSync(join(tmpdir(), 'berth-sysfs-'));
  for (const [name, text] of Object.entries({ 'devices/loop3/x': '', ...files })) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  mkdirSync(join(folder, 'dev/block'), { recursive: true });
  symlinkSync('../../devices/loop3', join(folder, 'dev/block/7:3'));
  return { folder, [Symbol.dispose]: () => rmSync(folder, { recursive: true }) };
}

function aMount(fsType: string, superOptions: string[] = ['rw']): MountInfo {
  const own = { id: 1, parentId: 0, device: '7:3', root: '/', mountPoint: '/m', options: ['rw'], propagation: [] };
  return { ...own, fsType, source: '/dev/loop3', superOptions };
}

const stats = (corruption: number, write: number) =>
  `write_errs ${write}\nread_errs 0\nflush_errs 0\ncorruption_errs ${corruption}\ngeneration_errs 0\n`;

const cases: Record<string, [files: Record<string, string>, mount: MountInfo, kinds: string[]]> = {
  'an ext4 without errors': [{ 'fs/ext4/loop3/errors_count': '0\n' }, aMount('ext4'), []],
  'an ext4 with errors': [{ 'fs/ext4/loop3/errors_count': '2\n' }, aMount('ext4'), ['failing']],
  'an ext4 read-only by choice': [{ 'fs/ext4/loop3/errors_count': '0\n' }, aMount('ext4', ['ro']), []],
  'an ext4 read-only after errors': [
    { 'fs/ext4/loop3/errors_count': '1\n' },
    aMount('ext4', ['ro', 'errors=remount-ro']),
    ['failing', 'read-only'],
  ],
  'an ext4 that gave up': [{}, aMount('ext4', ['rw', 'emergency_ro']), ['read-only']],
  'an xfs, of which nothing is known': [{}, aMount('xfs'), []],
  'a btrfs without errors': [
    { 'fs/btrfs/u/devices/loop3': '', 'fs/btrfs/u/devinfo/1/error_stats': stats(0, 0) },
    aMount('btrfs'),
    [],
  ],
  'a btrfs with wrong checksums and a failing disk': [
    { 'fs/btrfs/u/devices/loop3': '', 'fs/btrfs/u/devinfo/1/error_stats': stats(3, 1) },
    aMount('btrfs'),
    ['damaged', 'failing'],
  ],
  'a btrfs beside one with errors': [
    { 'fs/btrfs/u/devices/loop4': '', 'fs/btrfs/u/devinfo/1/error_stats': stats(3, 1), 'fs/btrfs/v/devices/loop3': '' },
    aMount('btrfs'),
    [],
  ],
};

for (const [what, [files, mount, kinds]] of Object.entries(cases)) {
  test(`${what}: ${kinds.join(', ') || 'no trouble'}`, () => {
    using fake = sysfs(files);
    expect(filesystemTroubles(mount, fake.folder).map(({ kind }) => kind)).toEqual(kinds);
  });
}
