import { mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { makeFolders } from './make-folders.ts';

function aFolder() {
  const path = mkdtempSync(join(tmpdir(), 'berth-folders-'));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

test('makeFolders makes what is missing, twice as well as once', async () => {
  using folder = aFolder();
  const deep = join(folder.path, 'a/b/c');
  await Promise.all([makeFolders(deep, 0o700), makeFolders(deep, 0o700)]);
  await makeFolders(deep);
  expect(statSync(deep).mode & 0o777).toBe(0o700);
});

test('makeFolders ends where the filesystem makes no folders', async () => {
  await expect(makeFolders('/proc/nope/x')).rejects.toMatchObject({ code: 'ENOENT', path: '/proc/nope' });
});

test('makeFolders refuses files and links to nowhere on its way', async () => {
  using folder = aFolder();
  writeFileSync(join(folder.path, 'file'), '');
  symlinkSync('nowhere', join(folder.path, 'link'));
  await expect(makeFolders(join(folder.path, 'file/x'))).rejects.toMatchObject({ code: 'ENOTDIR' });
  await expect(makeFolders(join(folder.path, 'file'))).rejects.toMatchObject({ code: 'ENOTDIR' });
  await expect(makeFolders(join(folder.path, 'link'))).rejects.toMatchObject({ code: 'EEXIST' });
});
