import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Mounter } from './mounter.ts';

/** What every Mounter does; the fake is held to it as the kernel is. */
export function mounterContract(name: string, create: () => Mounter): void {
  const mountsBelow = (mounter: Mounter, folder: string) =>
    mounter.mounts().filter((mount) => mount.mountPoint.startsWith(folder));

  function scene() {
    const folder = mkdtempSync(join(tmpdir(), 'berth-mounter-'));
    const source = join(folder, 'source');
    const target = join(folder, 'target');
    mkdirSync(source);
    mkdirSync(target);
    writeFileSync(join(source, 'file'), 'content');
    const mounter = create();
    const clean = () => {
      for (const mount of mountsBelow(mounter, folder).toReversed()) mounter.unmount(mount.mountPoint);
      rmSync(folder, { recursive: true, force: true });
    };
    return { mounter, folder, source, target, [Symbol.dispose]: clean };
  }

  test(`${name}: a bind shows up in the mount table and goes with unmount`, () => {
    using s = scene();
    s.mounter.bind(s.source, s.target);
    expect(mountsBelow(s.mounter, s.folder).map((mount) => mount.mountPoint)).toEqual([s.target]);
    s.mounter.unmount(s.target);
    expect(mountsBelow(s.mounter, s.folder)).toEqual([]);
  });

  test(`${name}: the mount that serves a path is the deepest above it, and the last of several there`, async () => {
    using s = scene();
    const { mounter, target } = s;
    const serving = async (path: string) => (await mounter.servingMount(path))?.mountPoint;
    expect(await serving(target)).not.toBe(target);
    mounter.mount({ fsType: 'tmpfs', source: 'lower', target });
    mounter.mount({ fsType: 'tmpfs', source: 'upper', target });
    expect((await mounter.servingMount(join(target, 'a')))?.source).toBe('upper');
    expect(await serving(`${target}-beside`)).not.toBe(target);
    const inside = join(target, 'ü \\040 b');
    // The fake shows nothing: the directory is made below it.
    mkdirSync(inside);
    mounter.mount({ fsType: 'tmpfs', source: 'inside', target: inside });
    expect(await serving(inside)).toBe(inside);
    expect(await serving(join(inside, 'c/d'))).toBe(inside);
    expect(await serving(target)).toBe(target);
    mounter.unmount(inside);
    expect(await serving(inside)).toBe(target);
  });

  test(`${name}: a local mount point is known by its path`, () => {
    using s = scene();
    expect(s.mounter.isLocalMountPoint(s.target)).toBe(false);
    expect(s.mounter.isLocalMountPoint(join(s.folder, 'absent'))).toBe(false);
    s.mounter.mount({ fsType: 'tmpfs', source: 'tmpfs', target: s.target });
    expect(s.mounter.isLocalMountPoint(s.target)).toBe(true);
    expect(s.mounter.isLocalMountPoint(s.folder)).toBe(false);
  });

  test(`${name}: a read-only bind says ro, its source stays writable`, () => {
    using s = scene();
    s.mounter.bind(s.source, s.target, { readOnly: true });
    expect(mountsBelow(s.mounter, s.folder)[0]?.options).toContain('ro');
    writeFileSync(join(s.source, 'file'), 'changed');
    expect(readFileSync(join(s.source, 'file'), 'utf8')).toBe('changed');
  });

  test(`${name}: mounts stack, and each unmount takes the topmost`, () => {
    using s = scene();
    s.mounter.bind(s.source, s.target);
    s.mounter.bind(s.source, s.target, { readOnly: true });
    s.mounter.unmount(s.target);
    const left = mountsBelow(s.mounter, s.folder);
    expect(left).toHaveLength(1);
    expect(left[0]?.options).not.toContain('ro');
  });

  test(`${name}: unmounting what is not mounted is EINVAL`, () => {
    using s = scene();
    expect(() => s.mounter.unmount(s.target)).toThrow(expect.objectContaining({ code: 'EINVAL' }));
  });

  test(`${name}: binding what is not there is ENOENT and mounts nothing`, () => {
    using s = scene();
    expect(() => s.mounter.bind(join(s.folder, 'absent'), s.target)).toThrow(
      expect.objectContaining({ code: 'ENOENT' }),
    );
    expect(mountsBelow(s.mounter, s.folder)).toEqual([]);
  });

  test(`${name}: tmpfs mounts with its options`, () => {
    using s = scene();
    s.mounter.mount({ fsType: 'tmpfs', source: 'tmpfs', target: s.target, options: ['size=1m', 'nosuid'] });
    expect(mountsBelow(s.mounter, s.folder)[0]).toMatchObject({ fsType: 'tmpfs', mountPoint: s.target });
    expect(mountsBelow(s.mounter, s.folder)[0]?.options).toContain('nosuid');
  });

  test(`${name}: remount changes the mount that is there, and there alone`, () => {
    using s = scene();
    const tmpfs = { fsType: 'tmpfs', source: 'tmpfs', target: s.target };
    const options = ['remount', 'size=2m', 'nosuid'];
    expect(() => s.mounter.mount({ ...tmpfs, options })).toThrow(expect.objectContaining({ code: 'EINVAL' }));
    s.mounter.mount({ ...tmpfs, options: ['size=1m', 'nodev'] });
    s.mounter.mount({ ...tmpfs, options });
    const mounts = mountsBelow(s.mounter, s.folder);
    expect(mounts.map((mount) => mount.mountPoint)).toEqual([s.target]);
    expect(mounts[0]?.options).toContain('nosuid');
    expect(mounts[0]?.options).not.toContain('nodev');
  });
}
