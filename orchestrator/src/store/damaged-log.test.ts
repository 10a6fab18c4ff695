import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, expect, test } from 'vitest';
import { hasWritesBehindDamage } from './damaged-log.ts';

const folder = mkdtempSync(join(tmpdir(), 'berth-log-'));
afterAll(() => rmSync(folder, { recursive: true }));
const file = join(folder, 'store.db');
const copy = join(folder, 'copy');
const frameBytes = 24 + 4096;
const frameAt = (i: number) => 32 + i * frameBytes;

/** A log of many transactions, some of them given up when much of them was in the log. */
function aLog(): Buffer {
  rmSync(file, { force: true });
  using db = new DatabaseSync(file);
  db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF; PRAGMA cache_size = 4; CREATE TABLE t (v BLOB)');
  const insert = db.prepare('INSERT INTO t VALUES (?)');
  const write = (pages: number) => {
    for (let i = 0; i < pages; i++) insert.run(new Uint8Array(4000).fill(i));
  };
  for (const pages of [60, 30, 0]) {
    db.exec('BEGIN');
    write(pages);
    db.exec('ROLLBACK');
    for (let i = 0; i < 4; i++) write(1);
  }
  copyFileSync(`${file}-wal`, copy);
  return readFileSync(copy);
}

const isDamaged = (log: Buffer) => {
  writeFileSync(copy, log);
  return hasWritesBehindDamage(copy);
};

test('what a crash leaves is no damage: given up transactions, a log cut off anywhere, a last write that came in part', () => {
  const log = aLog();
  const frames = Math.floor((log.length - 32) / frameBytes);
  expect(frames).toBeGreaterThan(40);
  expect(hasWritesBehindDamage(join(folder, 'none'))).toBe(false);
  for (const at of [0, 20, 32, 33, log.length]) expect(isDamaged(log.subarray(0, at))).toBe(false);
  for (let i = 0; i < frames; i++) {
    const kept = log.subarray(0, frameAt(i) + (i % 3) * 1700);
    expect(isDamaged(kept)).toBe(false);
    expect(isDamaged(Buffer.concat([kept, Buffer.alloc(9 * frameBytes)]))).toBe(false);
  }
});

test('one bit, or a page and the next, is damage where a transaction is behind it', () => {
  const log = aLog();
  for (const [from, to] of [
    [13, 14],
    [26, 27],
    [frameAt(0) + 30, frameAt(0) + 31],
    [frameAt(2) + 9, frameAt(2) + 10],
    [frameAt(2) + 18, frameAt(2) + 19],
    [frameAt(2) + 100, frameAt(2) + 101],
    [frameAt(1), frameAt(3)],
  ] as const) {
    const damaged = Buffer.from(log);
    for (let at = from; at < to; at++) damaged[at] = (damaged[at] as number) ^ 4;
    expect(isDamaged(damaged)).toBe(true);
  }
});
