import { closeSync, mkdtempSync, openSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { prepareFile } from './prepare-file.ts';

test('a file can be where its folder takes new ones, and nothing but the folder is left', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'berth-prepare-'));
  try {
    await prepareFile(join(folder, 'a/b/ready.json'));
    expect(readdirSync(folder, { recursive: true })).toEqual(['a', 'a/b']);
    await expect(prepareFile(join(folder, 'a/b'))).rejects.toThrow('it is a directory');
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('a device, which a new file would replace, is refused', async () => {
  await expect(prepareFile('/dev/null')).rejects.toThrow('it is not a regular file');
});

test('a link to what a process has open, such as /dev/stdout, is refused, also where that is a file', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'berth-prepare-'));
  const opened = openSync(join(folder, 'log'), 'w');
  try {
    symlinkSync(`/proc/self/fd/${opened}`, join(folder, 'stdout'));
    symlinkSync(join(folder, 'log'), join(folder, 'link'));
    await expect(prepareFile(join(folder, 'stdout'))).rejects.toThrow('it is not a regular file');
    await prepareFile(join(folder, 'link'));
  } finally {
    closeSync(opened);
    rmSync(folder, { recursive: true });
  }
});

test('a folder that takes no files is refused, whoever asks', async () => {
  await expect(prepareFile('/proc/ready.json')).rejects.toMatchObject({ code: 'ENOENT' });
});
