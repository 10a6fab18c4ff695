import {
  copyFileSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { FakeClock, systemClock } from '@berth/kit';
import { afterAll, expect, test } from 'vitest';
import { storeContract } from './store.contract.ts';
import { openSqliteStore } from './store.sqlite.ts';

const folder = mkdtempSync(join(tmpdir(), 'berth-store-'));
let count = 0;
const newFile = () => join(folder, `${count++}.db`);
const bytes = (text: string) => new TextEncoder().encode(text);
afterAll(() => rmSync(folder, { recursive: true }));

storeContract('sqlite', () => openSqliteStore({ file: newFile(), clock: systemClock }));

test('a reopened store has every key, every revision and its recent history', async () => {
  const file = newFile();
  let revision: number;
  {
    await using store = await openSqliteStore({ file, clock: systemClock });
    await Promise.all(Array.from({ length: 50 }, (_, i) => store.write({ key: `/r/a/${i}`, value: bytes(`${i}`) })));
    await store.write({ key: '/r/a/7' });
    revision = store.revision;
  }
  await using store = await openSqliteStore({ file, clock: systemClock });
  expect(store.revision).toBe(revision);
  expect((await store.range({ prefix: '/r/a/' })).items).toHaveLength(49);
  expect((await store.range({ prefix: '/r/a/', revision: revision - 1 })).items).toHaveLength(50);
  const events = store.watch('/r/a/', revision - 1, new AbortController().signal);
  const { value } = await events[Symbol.asyncIterator]().next();
  expect(value).toMatchObject([{ type: 'delete', item: { key: '/r/a/7', modRevision: revision } }]);
});

test('it tells what it takes on the disk, its log with it', async () => {
  await using store = await openSqliteStore({ file: newFile(), clock: systemClock });
  const before = (await store.sizeBytes?.()) ?? 0;
  await store.write({ key: '/r/a/x', value: new Uint8Array(1_000_000) });
  expect(((await store.sizeBytes?.()) ?? 0) - before).toBeGreaterThan(1_000_000);
});

test('compaction survives a restart, and revisions go on after a compacted deletion', async () => {
  const file = newFile();
  let revision: number;
  {
    await using store = await openSqliteStore({ file, clock: systemClock });
    await Promise.all(Array.from({ length: 500 }, (_, i) => store.write({ key: '/r/a/x', value: bytes(`${i}`) })));
    await store.write({ key: '/r/a/y', value: bytes('kept') });
    await store.write({ key: '/r/a/x' });
    revision = store.revision;
    await store.compact(revision);
  }
  await using store = await openSqliteStore({ file, clock: systemClock });
  expect(store.revision).toBe(revision);
  await expect(store.range({ prefix: '/', revision: revision - 1 })).rejects.toMatchObject({ code: 'Compacted' });
  expect((await store.range({ prefix: '/r/a/' })).items).toMatchObject([{ createRevision: 501, modRevision: 501 }]);
  expect(await store.write({ key: '/r/a/x', value: bytes('new') })).toEqual({ ok: true, revision: revision + 1 });
});

test('history older than the memory window is read from the file', async () => {
  await using store = await openSqliteStore({ file: newFile(), clock: systemClock });
  await store.write({ key: '/r/a/old', value: bytes('1') });
  await store.write({ key: '/r/a/new', value: bytes('1') });
  await store.write({ key: '/r/a/old' });
  const many = Array.from({ length: 11_000 }, (_, i) => store.write({ key: `/r/b/${i % 10}`, value: bytes('x') }));
  await Promise.all(many);
  const { items } = await store.range({ prefix: '/r/a/', revision: 2 });
  expect(items.map(({ key }) => key)).toEqual(['/r/a/new', '/r/a/old']);
  expect(() => store.watch('/r/a/', 2, new AbortController().signal)).toThrow(/^too old/);
});

test('history in the file is read in pages and steps, which no write waits for', async () => {
  await using store = await openSqliteStore({ file: newFile(), clock: systemClock });
  const all = Array.from({ length: 2_500 }, (_, i) => ({ key: `/r/a/${String(i).padStart(4, '0')}` }));
  const [kept, gone] = [all.slice(0, 2_400), all.slice(2_400)];
  await Promise.all(all.map(({ key }) => store.write({ key, value: bytes('x'.repeat(500)) })));
  await Promise.all(gone.map((write) => store.write(write)));
  const revision = store.revision;
  const overwrite = (text: string) => all.map(({ key }) => store.write({ key, value: bytes(text.repeat(500)) }));
  for (const text of 'abcd') await Promise.all(overwrite(text));
  const whole = await store.range({ prefix: '/r/a/', revision });
  expect(whole.items).toMatchObject(kept);
  expect(new Set(whole.items.map(({ value }) => value[0]))).toEqual(new Set(bytes('x')));
  const middle = { revision, after: '/r/a/0999', limit: 300 };
  expect(await store.range({ prefix: '/r/a/', ...middle })).toEqual({
    revision,
    items: whole.items.slice(1_000, 1_300),
    remaining: 1_100,
  });
  expect(await store.range({ prefix: '/r/a/', ...middle, limit: 1_400 })).toMatchObject({ remaining: 0 });
  const ended: string[] = [];
  const read = store.range({ prefix: '/r/a/', revision, limit: 1 });
  const ends = read.then(() => ended.push('read'));
  await store.write({ key: '/r/a/new', value: bytes('1') }).then(() => ended.push('written'));
  await ends;
  expect(ended).toEqual(['written', 'read']);
  expect((await read).remaining).toBe(2_399);
});

test('a time to live goes on after a restart', async () => {
  const file = newFile();
  const clock = new FakeClock();
  {
    await using store = await openSqliteStore({ file, clock });
    const written = store.write({ key: '/r/events/a', value: bytes('1'), ttlSeconds: 60 });
    await clock.advance(10);
    await written;
  }
  await clock.advance(61_000);
  await using store = await openSqliteStore({ file, clock });
  await clock.advance(1);
  await expect.poll(() => store.get('/r/events/a')).toBeUndefined();
});

test('a second open of the same file is refused as Locked', async () => {
  const file = newFile();
  await using _store = await openSqliteStore({ file, clock: systemClock });
  await expect(openSqliteStore({ file, clock: systemClock })).rejects.toMatchObject({ code: 'Locked' });
});

function zero(file: string, from: number, length: number): void {
  const content = readFileSync(file);
  writeFileSync(file, content.fill(0, from, from + length));
}

test.each([
  ['cut in half', (file: string) => truncateSync(file, 6_000)],
  ['emptied', (file: string) => truncateSync(file, 0)],
  ['zeroed in the middle', (file: string) => zero(file, 5 * 4096, 4096)],
  ['overwritten with text', (file: string) => writeFileSync(file, 'not a database '.repeat(1000))],
])('a file that was %s is refused as Corrupt, with what to do', async (_, damage) => {
  const file = newFile();
  {
    await using store = await openSqliteStore({ file, clock: systemClock });
    const value = new Uint8Array(3000);
    await Promise.all(Array.from({ length: 100 }, (_, i) => store.write({ key: `/r/a/${i}`, value })));
  }
  damage(file);
  await expect(openSqliteStore({ file, clock: systemClock })).rejects.toMatchObject({
    code: 'Corrupt',
    message: expect.stringContaining('restore it from a backup'),
  });
});

const frameBytes = 24 + 4096;
const frameAt = (i: number) => 32 + i * frameBytes;

/** A store as a crash leaves it, of twenty writes one after the other, whose log was changed. */
async function crashed(change: (log: Buffer) => Buffer): Promise<string> {
  const file = newFile();
  const copy = newFile();
  await using store = await openSqliteStore({ file, clock: systemClock });
  for (let i = 0; i < 20; i++) await store.write({ key: `/r/a/${i}`, value: bytes(`${i}`) });
  copyFileSync(file, copy);
  writeFileSync(`${copy}-wal`, change(readFileSync(`${file}-wal`)));
  return copy;
}

const flipped = (log: Buffer, at: number) => {
  log[at] = (log[at] as number) ^ 4;
  return log;
};

test.each([
  ['the header', 13],
  ['the sums of the header', 26],
  ['a page', frameAt(7) + 1000],
  ['the sums of a frame', frameAt(7) + 18],
  ['the salt of a frame', frameAt(7) + 9],
  ['the first page', frameAt(0) + 30],
])('a bit that turned in %s of the write-ahead log loses no write behind it without a word', async (_, at) => {
  const file = await crashed((log) => flipped(log, at));
  const before = readFileSync(`${file}-wal`);
  await expect(openSqliteStore({ file, clock: systemClock })).rejects.toMatchObject({
    code: 'Corrupt',
    message: `store "${file}" is damaged (a page of its log, behind which there are writes); restore it from a backup, or give up what was written from there on: sqlite3 '${file}' 'PRAGMA wal_checkpoint(TRUNCATE)'`,
  });
  expect(readFileSync(`${file}-wal`).equals(before)).toBe(true);
});

test('where the file is gone and its write-ahead log is not, nothing is made of the log', async () => {
  const file = newFile();
  {
    await using store = await openSqliteStore({ file, clock: systemClock });
    await store.write({ key: '/r/a', value: bytes('old') });
    copyFileSync(`${file}-wal`, `${file}.log`);
  }
  // As a crash leaves it, and somebody who took the file alone away.
  rmSync(file);
  renameSync(`${file}.log`, `${file}-wal`);
  await expect(openSqliteStore({ file, clock: systemClock })).rejects.toMatchObject({
    code: 'Corrupt',
    message: `store "${file}": the file is gone, and its newest writes are not: put it back, or move ${file}-wal away, too, to start empty`,
  });
  expect(existsSync(file)).toBe(false);
  rmSync(`${file}-wal`);
  await using store = await openSqliteStore({ file, clock: systemClock });
  expect(await store.get('/r/a')).toBeUndefined();
});

test('a file of a newer format is left alone, and told to be one', async () => {
  const file = newFile();
  await (await openSqliteStore({ file, clock: systemClock }))[Symbol.asyncDispose]();
  const db = new DatabaseSync(file);
  db.exec('PRAGMA user_version = 2');
  db.close();
  await expect(openSqliteStore({ file, clock: systemClock })).rejects.toMatchObject({
    code: 'Unusable',
    message: `store "${file}": it is of a newer Berth; start the program that made it, or move it away to start empty`,
  });
});

test('a folder that is not there is a clear error', async () => {
  const file = join(folder, 'nowhere', 'store.db');
  const opening = openSqliteStore({ file, clock: systemClock });
  await expect(opening).rejects.toMatchObject({ code: 'Unusable', message: expect.stringContaining('nowhere') });
});

test('after much work values come together in memory; what is read, written and seen stays the same', async () => {
  const clock = new FakeClock();
  await using store = await openSqliteStore({ file: newFile(), clock });
  const keys = Array.from({ length: 1100 }, (_, i) => `/r/a/${String(i).padStart(4, '0')}`);
  await Promise.all(keys.map((key) => store.write({ key, value: bytes(`value of ${key}`) })));
  const before = (await store.range({ prefix: '/r/a/' })).items;
  const read = () => before.map(({ value }) => Buffer.from(value).toString());
  const texts = read();
  const blocks = () => new Set(before.map(({ value }) => value.buffer)).size;
  // The first look finds that there was much to do, the second that there is nothing.
  for (let i = 0; i < 100 && blocks() > 1; i++) await clock.advance(500);
  expect(blocks()).toBe(1);
  expect(read()).toEqual(texts);
  const [first, second] = before;
  if (!first || !second) throw new Error('nothing was written');
  expect(await store.get(first.key)).toBe(first);
  await store.write({ key: first.key, value: second.value, expected: first.modRevision });
  await store.write({ key: second.key });
  expect(Buffer.from((await store.get(first.key))?.value ?? []).toString()).toBe(texts[1]);
  expect(read()).toEqual(texts);
});
