import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  attachLoop,
  cloneFile,
  copySparse,
  copyTree,
  createFileAt,
  detachLoop,
  deviceSize,
  existsAt,
  Fd,
  freezeFilesystem,
  getXattr,
  growLoop,
  isDeviceReadOnly,
  isLoopOf,
  linuxMounter,
  listLoops,
  loopPath,
  makeDirectoryAt,
  openFileAt,
  openRoot,
  punchHole,
  putXattr,
  removeFileAt,
  reopen,
  reserveSpace,
  setDeviceReadOnly,
  setFileSize,
  thawFilesystem,
} from '@berth/linux';
import { expect, test } from 'vitest';

const MiB = 1024 ** 2;
const code = (name: string) => expect.objectContaining({ code: name });
const never = new AbortController().signal;

/** A folder with an image file; disposing unmounts, detaches and removes, and nothing may be left attached. */
function scene(mib = 400) {
  const folder = mkdtempSync(join(tmpdir(), 'berth-linux-'));
  const image = join(folder, 'image');
  writeFileSync(image, '');
  truncateSync(image, mib * MiB);
  const attached = () => listLoops().filter((loop) => loop.backingFile.startsWith(folder));
  return {
    folder,
    image,
    attached,
    async [Symbol.asyncDispose]() {
      for (const mount of linuxMounter.mounts().toReversed()) {
        if (mount.mountPoint.startsWith(folder)) linuxMounter.unmount(mount.mountPoint, { lazy: true });
      }
      for (const { number } of attached()) await detachLoop(number);
      await expect.poll(attached).toEqual([]);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

const openImage = (path: string) => new Fd(openSync(path, 'r+'));

async function mounted(s: ReturnType<typeof scene>, fsType: 'xfs' | 'ext4' | 'btrfs'): Promise<string> {
  execFileSync(`mkfs.${fsType}`, ['-q', s.image]);
  using file = openImage(s.image);
  const loop = await attachLoop(file, { autoclear: true, directIo: true });
  using _device = loop.device;
  const target = join(s.folder, fsType);
  mkdirSync(target);
  linuxMounter.mount({ fsType, source: loopPath(loop.number), target });
  return target;
}

test('a loop device shows the file, grows with it, and is found again by its file', async () => {
  await using s = scene();
  using file = openImage(s.image);
  const { number, device } = await attachLoop(file, { directIo: true });
  expect(deviceSize(device)).toBe(400 * MiB);
  expect(s.attached()).toEqual([{ number, backingFile: s.image }]);
  expect(isLoopOf(number, file)).toBe(true);
  using other = new Fd(openSync(join(s.folder, 'other'), 'w+'));
  expect(isLoopOf(number, other)).toBe(false);
  await setFileSize(file, 500 * MiB);
  await growLoop(number);
  expect(deviceSize(device)).toBe(500 * MiB);
  device[Symbol.dispose]();
  expect(await detachLoop(number, () => false)).toBe(false);
  expect(s.attached()).toHaveLength(1);
  expect(await detachLoop(number)).toBe(true);
  expect(s.attached()).toEqual([]);
  expect(await detachLoop(number)).toBe(false);
  expect(isLoopOf(number, file)).toBe(false);
});

test('an autoclear device goes with its last user: a closed fd, an unmount', async () => {
  await using s = scene();
  using file = openImage(s.image);
  const { device } = await attachLoop(file, { autoclear: true });
  device[Symbol.dispose]();
  await expect.poll(s.attached).toEqual([]);
  const target = await mounted(s, 'ext4');
  expect(s.attached()).toHaveLength(1);
  linuxMounter.unmount(target);
  await expect.poll(s.attached).toEqual([]);
});

test('sixteen devices attached at once are sixteen devices', async () => {
  await using s = scene();
  using file = openImage(s.image);
  const loops = await Promise.all(
    Array.from({ length: 16 }, () => attachLoop(file, { readOnly: true, autoclear: true })),
  );
  expect(new Set(loops.map(({ number }) => number)).size).toBe(16);
  for (const { device } of loops) device[Symbol.dispose]();
});

test('a read-only device and one set read-only refuse writers', async () => {
  await using s = scene();
  using file = openImage(s.image);
  const { number, device } = await attachLoop(file, { autoclear: true });
  using _device = device;
  expect(isDeviceReadOnly(device)).toBe(false);
  setDeviceReadOnly(device, true);
  expect(isDeviceReadOnly(device)).toBe(true);
  expect(() => writeFileSync(loopPath(number), 'x', { flag: 'r+' })).toThrow(code('EPERM'));
  setDeviceReadOnly(device, false);
  writeFileSync(loopPath(number), 'x', { flag: 'r+' });
  setDeviceReadOnly(device, true);
  device[Symbol.dispose]();
  // Whichever device comes next, the same one too, can be written to.
  using next = (await attachLoop(file, { autoclear: true })).device;
  expect(isDeviceReadOnly(next)).toBe(false);
});

test('xfs shares blocks, and the copy keeps what the source loses; ext4 says it cannot', async () => {
  await using s = scene();
  using folder = openRoot(await mounted(s, 'xfs'));
  const path = (name: string) => join(s.folder, 'xfs', name);
  writeFileSync(path('a'), Buffer.alloc(MiB, 1));
  using a = openFileAt(folder, 'a', 'write');
  using b = createFileAt(folder, 'b', 0o600);
  expect(await cloneFile(a, b)).toBe(true);
  writeFileSync(path('a'), 'changed');
  expect(readFileSync(path('b')).equals(Buffer.alloc(MiB, 1))).toBe(true);
  await using t = scene();
  using other = openRoot(await mounted(t, 'ext4'));
  writeFileSync(join(t.folder, 'ext4/a'), 'x');
  using c = openFileAt(other, 'a', 'read');
  using d = createFileAt(other, 'b', 0o600);
  expect(await cloneFile(c, d)).toBe(false);
  expect(statSync(join(t.folder, 'ext4/b')).size).toBe(0);
});

test('a sparse copy has the bytes and the holes of its source', async () => {
  await using s = scene();
  using source = openImage(s.image);
  for (const at of [0, 100 * MiB, 300 * MiB + 5])
    writeSync(source.number, Buffer.alloc(70_000, at % 251), 0, 70_000, at);
  using target = new Fd(openSync(join(s.folder, 'copy'), 'w+'));
  const copied = await copySparse(source, target, 400 * MiB);
  await setFileSize(target, 400 * MiB);
  expect(copied).toBeLessThan(MiB);
  expect(statSync(join(s.folder, 'copy')).blocks * 512).toBeLessThan(MiB);
  execFileSync('cmp', [s.image, join(s.folder, 'copy')]);
  const stop = AbortSignal.abort(new Error('enough'));
  await expect(copySparse(source, target, 400 * MiB, stop)).rejects.toThrow('enough');
});

test('reserved space is there, punched space is given back, and more than the disk has is ENOSPC', async () => {
  await using s = scene();
  const mount = await mounted(s, 'ext4');
  using file = new Fd(openSync(join(mount, 'file'), 'w+'));
  const blocks = () => statSync(join(mount, 'file')).blocks * 512;
  await reserveSpace(file, 0, 10 * MiB);
  expect([blocks() >= 10 * MiB, statSync(join(mount, 'file')).size]).toEqual([true, 10 * MiB]);
  await punchHole(file, 0, 10 * MiB);
  expect([blocks() < MiB, statSync(join(mount, 'file')).size]).toEqual([true, 10 * MiB]);
  await expect(reserveSpace(file, 0, 4096 * MiB)).rejects.toEqual(code('ENOSPC'));
});

test('a frozen filesystem waits for the thaw; freezing and thawing twice say so', async () => {
  await using s = scene();
  using handle = openRoot(await mounted(s, 'xfs'));
  using root = reopen(handle);
  await freezeFilesystem(root);
  await expect(freezeFilesystem(root)).rejects.toEqual(code('EBUSY'));
  await thawFilesystem(root);
  await expect(thawFilesystem(root)).rejects.toEqual(code('EINVAL'));
  writeFileSync(join(s.folder, 'xfs/file'), 'x');
});

/** A tree with one of everything a workload may make. */
function fillTree(root: string): void {
  mkdirSync(join(root, 'deep/er'), { recursive: true });
  writeFileSync(join(root, 'deep/file'), 'content');
  writeFileSync(Buffer.concat([Buffer.from(`${root}/`), Buffer.of(0xff, 0xfe)]), 'name of no encoding');
  linkSync(join(root, 'deep/file'), join(root, 'deep/er/same'));
  symlinkSync('/etc/passwd', join(root, 'link'));
  writeFileSync(join(root, 'sparse'), 'x');
  truncateSync(join(root, 'sparse'), 50 * MiB);
  execFileSync('mkfifo', [join(root, 'fifo')]);
  execFileSync('mknod', [join(root, 'null'), 'c', '1', '3']);
  chownSync(join(root, 'deep/file'), 1234, 5678);
  chmodSync(join(root, 'deep/file'), 0o6751);
  chmodSync(join(root, 'deep'), 0o1500);
  putXattr(`${root}/sparse`, 'user.note', Buffer.from([0, 1, 2]));
  utimesSync(join(root, 'deep/er'), 1_000_000_000.5, 1_111_111_111.25);
}

function describeTree(root: string): unknown[] {
  const names = readdirSync(root, { recursive: true, encoding: 'latin1' }).sort();
  return ['', ...names].map((name) => {
    const path = Buffer.from(name === '' ? root : `${root}/${name}`, 'latin1');
    const { mode, uid, gid, mtimeNs, rdev, size, nlink } = lstatSync(path, { bigint: true });
    const file = (Number(mode) & 0o170000) === 0o100000;
    const link = (Number(mode) & 0o170000) === 0o120000 ? readlinkSync(path) : undefined;
    const content = file ? readFileSync(path).toString('latin1').replace(/\0+$/, '') : link;
    return [name, mode, uid, gid, mtimeNs, rdev, file ? size : 0, file ? nlink : 0, content];
  });
}

for (const [fsType, method] of [
  ['xfs', 'reflink'],
  ['ext4', 'copy'],
] as const) {
  test(`a tree copied on ${fsType} by ${method} is the same tree, down to links, holes, owners, times and attributes`, async () => {
    await using s = scene();
    const mount = await mounted(s, fsType);
    const [from, to] = [join(mount, 'from'), join(mount, 'to')];
    mkdirSync(from, { mode: 0o777 });
    mkdirSync(to);
    fillTree(from);
    using source = openRoot(from);
    using target = openRoot(to);
    expect(await copyTree(source, target, never)).toMatchObject({ method, entries: 9 });
    expect(describeTree(to)).toEqual(describeTree(from));
    expect(getXattr(`${to}/sparse`, 'user.note')).toEqual(Buffer.from([0, 1, 2]));
    expect(statSync(join(to, 'sparse')).blocks * 512).toBeLessThan(MiB);
    expect(statSync(join(to, 'deep/file')).ino).toBe(statSync(join(to, 'deep/er/same')).ino);
  });
}

test('a tree copy enters no other mount, follows no link, and stops when told', async () => {
  await using s = scene();
  const [from, to, other] = ['from', 'to', 'other'].map((name) => join(s.folder, name)) as [string, string, string];
  for (const path of [from, to, other, join(from, 'mounted')]) mkdirSync(path);
  writeFileSync(join(other, 'file'), 'not yours');
  symlinkSync(other, join(from, 'link'));
  linuxMounter.mount({ fsType: 'tmpfs', source: 'tmpfs', target: join(from, 'mounted') });
  writeFileSync(join(from, 'mounted/secret'), 'x');
  using source = openRoot(from);
  using target = openRoot(to);
  await expect(copyTree(source, target, AbortSignal.abort(new Error('enough')))).rejects.toThrow('enough');
  await copyTree(source, target, never);
  expect(readdirSync(to).sort()).toEqual(['link', 'mounted']);
  expect(readdirSync(join(to, 'mounted'))).toEqual([]);
  expect(readlinkSync(join(to, 'link'))).toBe(other);
});

test('a file that is removed while it is copied is copied as it was opened, attributes and all', async () => {
  await using s = scene();
  const [from, to] = [join(s.folder, 'from'), join(s.folder, 'to')];
  for (const path of [from, to]) mkdirSync(path);
  writeFileSync(join(from, 'file'), Buffer.alloc(4 * MiB, 1));
  putXattr(join(from, 'file'), 'user.note', Buffer.from('kept'));
  using source = openRoot(from);
  using target = openRoot(to);
  const copying = copyTree(source, target, never);
  rmSync(join(from, 'file'));
  writeFileSync(join(from, 'file'), 'another');
  expect(await copying).toMatchObject({ entries: 1 });
  expect(statSync(join(to, 'file')).size).toBe(4 * MiB);
  expect(getXattr(join(to, 'file'), 'user.note')).toEqual(Buffer.from('kept'));
});

test('a tree copy into a full filesystem is ENOSPC', async () => {
  await using s = scene(50);
  const mount = await mounted(s, 'ext4');
  const [from, to] = [join(s.folder, 'from'), join(mount, 'to')];
  for (const path of [from, to]) mkdirSync(path);
  for (let i = 0; i < 6; i++) writeFileSync(join(from, `f${i}`), Buffer.alloc(10 * MiB, 1));
  using source = openRoot(from);
  using target = openRoot(to);
  await expect(copyTree(source, target, never)).rejects.toEqual(code('ENOSPC'));
});

test('names are looked for, made and removed in a directory; those that are taken or missing are answers, not errors', async () => {
  await using s = scene();
  symlinkSync('nowhere', join(s.folder, 'dangling'));
  using folder = openRoot(s.folder);
  using file = openFileAt(folder, 'image', 'handle');
  expect(['image', 'dangling', 'absent'].map((name) => existsAt(folder, name))).toEqual([true, true, false]);
  expect([makeDirectoryAt(folder, 'made'), makeDirectoryAt(folder, 'made')]).toEqual([true, false]);
  expect([removeFileAt(folder, 'dangling'), removeFileAt(folder, 'dangling')]).toEqual([true, false]);
  expect(() => existsAt(file, 'below')).toThrow(code('ENOTDIR'));
  expect(() => removeFileAt(folder, 'made')).toThrow(code('EISDIR'));
  for (const name of ['..', 'a/b', 'a\0b', '']) expect(() => existsAt(folder, name)).toThrow(RangeError);
});
