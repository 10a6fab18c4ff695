import { mkdtempDisposableSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { lockFile, lockHolder } from './file-lock.ts';

test('lockHolder names who has the file, and nobody before and after', () => {
  using folder = mkdtempDisposableSync(join(tmpdir(), 'berth-lock-'));
  const path = join(folder.path, 'lock');
  expect(lockHolder(path)).toBe(undefined);
  const lock = lockFile(path);
  expect([lockHolder(path), lockFile(path)]).toEqual([process.pid, undefined]);
  lock?.[Symbol.dispose]();
  expect(lockHolder(path)).toBe(undefined);
});

test('a lock is on the file that has the name, also after it was removed', () => {
  using folder = mkdtempDisposableSync(join(tmpdir(), 'berth-lock-'));
  const path = join(folder.path, 'lock');
  using _old = lockFile(path);
  rmSync(path);
  using now = lockFile(path);
  expect(now).toBeDefined();
  expect(lockFile(path)).toBe(undefined);
});
