import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { removeHalfWritten, writeFileDurably } from './durable-file.ts';

test('removeHalfWritten takes what a crash left of a write, and nothing else', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'berth-durable-'));
  const path = join(folder, 'a.json');
  await writeFileDurably(path, 'whole');
  const left = 'a.json.00000000-1111-4222-8333-444444444444.tmp';
  for (const name of [left, 'a.json.tmp', 'b.json.00000000-1111-4222-8333-444444444444.tmp'])
    await writeFile(join(folder, name), 'ha');
  await removeHalfWritten(path);
  expect((await readdir(folder)).sort()).toEqual([
    'a.json',
    'a.json.tmp',
    'b.json.00000000-1111-4222-8333-444444444444.tmp',
  ]);
  expect(await readFile(path, 'utf8')).toBe('whole');
  await rm(folder, { recursive: true });
});
