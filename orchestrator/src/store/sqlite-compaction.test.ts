import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { systemClock } from '@berth/kit';
import { expect, onTestFinished, test } from 'vitest';
import { SqliteLog } from './sqlite-log.ts';
import { openSqliteStore } from './store.sqlite.ts';
import type { Store } from './store.ts';

function aFile() {
  const folder = mkdtempSync(join(tmpdir(), 'berth-compaction-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return join(folder, 'store.db');
}

const open = (file: string) => openSqliteStore({ file, clock: systemClock });
const bytes = (text: string) => new TextEncoder().encode(text);

/** Two keys, written again and again. */
async function withHistory(store: Store, writes: number): Promise<void> {
  for (let done = 0; done < writes; done += 500)
    await Promise.all(
      Array.from({ length: 500 }, (_, i) => store.write({ key: `/r/a/${i % 2}`, value: bytes(`${done + i}`) })),
    );
}

/** Rows of the log, and how far it is compacted, as they are in the file. */
function inFile(file: string) {
  using db = new DatabaseSync(file, { readOnly: true });
  const { rows } = db.prepare('SELECT count(*) AS rows FROM log').get() as { rows: number };
  const { value } = db.prepare("SELECT value FROM meta WHERE name = 'compacted'").get() as { value: number };
  return { rows, compacted: value };
}

test('writes go on between the steps of a compaction', async () => {
  await using store = await open(aFile());
  await withHistory(store, 12_000);
  let isOver = false;
  const compacting = store.compact(store.revision).then(() => {
    isOver = true;
  });
  // Sixty steps; were these to wait for more than the one that runs, it would be over before them.
  for (let i = 0; i < 20; i++) await store.write({ key: '/r/b/x', value: bytes(`${i}`) });
  expect(isOver).toBe(false);
  await compacting;
});

test('a step of a compaction takes away only so many bytes, as all that goes is overwritten', () => {
  const file = aFile();
  const log = SqliteLog.open(file);
  const value = new Uint8Array(200_000);
  for (let revision = 1; revision <= 20; revision++) log.commit([[revision, '/a', 1, null, value]]);
  log.commit([[21, '/a', 1, null, null]]);
  const step = { limit: 200, bytes: 1_000_000 };
  const reached: number[] = [];
  do reached.push(log.compact(21, step));
  while (reached.at(-1) !== 21);
  expect(reached).toEqual([6, 11, 16, 21]);
  expect(log.load(0, step)).toEqual([]);
  log.close();
});

test('a compaction that a stop broke off is ended by the next start', async () => {
  const file = aFile();
  let target: number;
  {
    await using store = await open(file);
    await withHistory(store, 6_000);
    target = store.revision;
    const compacting = store.compact(target);
    await store.write({ key: '/r/b/x', value: bytes('1') });
    // Closed in the middle.
    void compacting;
  }
  const half = inFile(file);
  expect(half.compacted).toBeGreaterThan(0);
  expect(half.compacted).toBeLessThan(target);
  {
    await using store = await open(file);
    // The step that is asked for now comes after those that were left.
    await store.compact(target);
    expect((await store.range({ prefix: '/r/' })).items).toHaveLength(3);
  }
  expect(inFile(file)).toEqual({ rows: 3, compacted: target });
});

test('a start resumes by itself, also when nobody asks for a compaction', async () => {
  const file = aFile();
  let target: number;
  {
    await using store = await open(file);
    await withHistory(store, 6_000);
    target = store.revision;
    void store.compact(target);
    await store.write({ key: '/r/b/x', value: bytes('1') });
  }
  {
    await using store = await open(file);
    // A backup waits for compaction, so that it tells when that is over.
    await Array.fromAsync(store.backup!());
  }
  expect(inFile(file).compacted).toBe(target);
});

test('the write-ahead log stays small over many writes, and comes back from one that was large', async () => {
  const file = aFile();
  await using store = await open(file);
  const megabyte = new Uint8Array(1024 * 1024).fill(120);
  const log = () => statSync(`${file}-wal`).size;
  let most = 0;
  for (let i = 0; i < 30; i++) {
    await store.write({ key: `/r/a/${i % 5}`, value: megabyte });
    most = Math.max(most, log());
  }
  expect(most).toBeLessThanOrEqual(16 * megabyte.length);
  await Promise.all(Array.from({ length: 24 }, (_, i) => store.write({ key: `/r/a/${i}`, value: megabyte })));
  for (let i = 0; i < 3; i++) await store.write({ key: '/r/a/x', value: bytes('1') });
  expect(log()).toBeLessThanOrEqual(16 * megabyte.length);
});

test('what is deleted and compacted gives its room back to the disk', async () => {
  const file = aFile();
  await using store = await open(file);
  const value = new Uint8Array(100_000);
  await Promise.all(Array.from({ length: 300 }, (_, i) => store.write({ key: `/r/a/${i}`, value })));
  await Promise.all(Array.from({ length: 300 }, (_, i) => store.write({ key: `/r/a/${i}` })));
  for (let i = 0; i < 40; i++) {
    await store.write({ key: '/r/b/x', value: bytes(`${i}`) });
    await store.compact(store.revision);
  }
  // Files shrink when the log is next written over.
  for (let i = 0; i < 6; i++) await store.write({ key: '/r/b/x', value: new Uint8Array(1_000_000) });
  expect(statSync(file).size).toBeLessThan(15_000_000);
});

test('what was deleted and compacted is nowhere in the file, though the file keeps its room', async () => {
  const file = aFile();
  {
    await using store = await open(file);
    const value = (i: number) => bytes(i % 2 === 0 ? 'kept' : 'secret'.repeat(i % 3 === 0 ? 10 : 2_000));
    for (let i = 0; i < 100; i++) await store.write({ key: `/r/${i}`, value: value(i) });
    for (let i = 1; i < 100; i += 2) await store.write({ key: `/r/${i}` });
    await store.compact(store.revision);
  }
  expect(readFileSync(file).includes('kept')).toBe(true);
  expect(readFileSync(file).includes('secret')).toBe(false);
});
