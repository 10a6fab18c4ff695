import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Berth } from '../harness/berth.ts';

let berth: Berth;
let folder: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'berth-backup-'));
  berth = await Berth.start({ args: ['--kubeconfig', join(folder, 'elsewhere.kubeconfig')] });
});

afterAll(async () => {
  await berth?.[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

test('a backup of a running berth brings back what was there, and a second start works on with it', async () => {
  const file = join(folder, 'backup.db');
  const run = (...args: string[]) => berth.command('berth', [...args, '--data-dir', berth.dataDir]);
  await berth.kubectl(['create', 'configmap', 'kept', '--from-literal=a=1']);
  expect(await run('backup', file)).toMatchObject({ code: 0 });
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(await run('backup', file)).toMatchObject({ code: 2, stderr: expect.stringContaining('--force') });
  expect(await run('backup', '--force', join(berth.dataDir, 'store/berth.db'))).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('has its API objects'),
  });
  await berth.kubectl(['create', 'configmap', 'later', '--from-literal=a=1']);
  await berth.kubectl(['delete', 'configmap', 'kept']);
  expect(await run('restore', file, '--force')).toMatchObject({
    stderr: expect.stringContaining('is used by another berth'),
  });
  await berth.stop();
  expect(await run('restore', file)).toMatchObject({ code: 2, stderr: expect.stringContaining('--force') });
  const wrong = join(folder, 'wrong.db');
  writeFileSync(wrong, 'no database');
  expect(await run('restore', wrong, '--force')).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('is no backup'),
  });
  expect(await run('restore', file, '--force')).toMatchObject({ code: 0 });
  expect(await run('backup', join(folder, 'offline.db'))).toMatchObject({ code: 0 });
  await berth.up();
  const names = await berth.kubectl(['get', 'configmaps', '-o', 'name']);
  expect(names).toContain('configmap/kept');
  expect(names).not.toContain('configmap/later');
  await berth.kubectl(['create', 'configmap', 'after', '--from-literal=a=1']);
});
