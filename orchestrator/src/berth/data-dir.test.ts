import { mkdirSync, mkdtempDisposableSync, readdirSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { DataDir } from './data-dir.ts';

test('an empty --data-dir is refused: it would mean the current folder', () => {
  expect(() => new DataDir('')).toThrow('the data directory has no name');
});

test("a folder with someone else's files is refused and stays as it was", async () => {
  using folder = mkdtempDisposableSync(join(tmpdir(), 'berth-data-dir-'));
  writeFileSync(join(folder.path, 'package.json'), '{}');
  await expect(new DataDir(folder.path).take()).rejects.toMatchObject({ code: 'Usage' });
  expect(readdirSync(folder.path)).toEqual(['package.json']);
});

test('a data directory behind a link is where the link leads, also before it exists', () => {
  using folder = mkdtempDisposableSync(join(tmpdir(), 'berth-data-dir-'));
  const disk = join(realpathSync(folder.path), 'disk');
  mkdirSync(disk);
  const link = join(folder.path, 'link');
  symlinkSync(disk, link);
  expect(new DataDir(link).path).toBe(disk);
  expect(new DataDir(join(link, 'new/one')).path).toBe(join(disk, 'new/one'));
});

test('a file is refused as data directory', async () => {
  using folder = mkdtempDisposableSync(join(tmpdir(), 'berth-data-dir-'));
  const file = join(folder.path, 'file');
  writeFileSync(file, '');
  await expect(new DataDir(file).take()).rejects.toThrow(`data directory ${file} is not a directory`);
});

test('a new, an empty and an own data directory are taken, also one that first got an image', async () => {
  using folder = mkdtempDisposableSync(join(tmpdir(), 'berth-data-dir-'));
  for (const name of ['new', 'empty', 'loaded', 'disk', 'own-disk']) {
    const path = join(folder.path, name);
    if (name !== 'new') mkdirSync(path);
    if (name === 'loaded') mkdirSync(join(path, 'images'));
    if (name === 'disk') mkdirSync(join(path, 'lost+found'));
    (await new DataDir(path).take())[Symbol.dispose]();
    if (name === 'own-disk') mkdirSync(join(path, 'store'));
    // What a first run left does not stop a second.
    writeFileSync(join(path, 'ready.json'), '{}');
    (await new DataDir(path).take())[Symbol.dispose]();
  }
});

test('a data directory whose sockets the kernel could not address is refused with the limit', () => {
  const path = (bytes: number) => `/${'d'.repeat(bytes - 1)}`;
  const longest = Buffer.byteLength(new DataDir('/').node('node-1').registrationSocket) - 1;
  expect(() => new DataDir(path(107 - longest - 1)).checkPath(1)).not.toThrow();
  expect(() => new DataDir(path(107 - longest)).checkPath(10)).toThrow(
    expect.objectContaining({ code: 'Usage', message: expect.stringContaining("the kernel's limit is 107") }),
  );
});

test('a place where no folder can be made is refused', async () => {
  await expect(new DataDir('/proc/nope/x').take()).rejects.toMatchObject({
    code: 'Usage',
    message: expect.stringContaining('cannot use the data directory /proc/nope/x: ENOENT'),
  });
});
