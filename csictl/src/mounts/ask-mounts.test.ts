import { mkdtempSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { MountInfo } from '@berth/linux';
import { expect, test } from 'vitest';
import { type Answer, askMounts } from './ask-mounts.ts';
import type { MountRow } from './mount-rows.ts';

const row = (path: string, state = 'ok') => ({ path, state, note: '' }) as MountRow;
const mount = (mountPoint: string, fsType: string) => ({ mountPoint, fsType }) as MountInfo;

test('mounts that others serve are asked, and nothing else', async () => {
  const answers: Record<string, Answer> = { '/dead': 'error', '/away': 'none', '/fine': 'fine' };
  const asked: string[] = [];
  const ask = async (path: string) => {
    asked.push(path);
    return answers[path]!;
  };
  const table = [
    mount('/dead', 'fuse.nfs'),
    mount('/away', 'nfs4'),
    mount('/fine', 'nfs'),
    mount('/local', 'ext4'),
    mount('/orphan', 'nfs4'),
  ];
  const rows = [...table.slice(0, 4).map(({ mountPoint }) => row(mountPoint)), row('/orphan', 'orphaned')];
  const told = await askMounts(rows, table, ask);
  expect(told.map(({ state }) => state)).toEqual(['broken', 'silent', 'ok', 'ok', 'orphaned']);
  expect(asked).toEqual(['/dead', '/away', '/fine']);
});

test('a path that cannot be looked at is broken, one that can is fine', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'berth-ask-'));
  const gone = join(folder, 'gone');
  const told = await askMounts([row(folder), row(gone)], [mount(folder, 'nfs'), mount(gone, 'nfs')]);
  rmdirSync(folder);
  expect(told.map(({ state }) => state)).toEqual(['ok', 'broken']);
});
