import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { FakeClock, systemClock } from '@berth/kit';
import { expect, onTestFinished, test } from 'vitest';
import { writeBackup } from './backup-file.ts';
import { decodeBackup } from './backup-stream.ts';
import { restoreFile } from './restore-file.ts';
import { openSqliteStore } from './store.sqlite.ts';

function aFolder() {
  const folder = mkdtempSync(join(tmpdir(), 'berth-backup-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'berth.db');
  return { folder, file, open: () => openSqliteStore({ file, clock: systemClock }) };
}

const bytes = (text: string) => new TextEncoder().encode(text);
const put = (key: string, text: string) => ({ key, value: bytes(text) });

test('a backup is of one moment while writers go on, and comes back whole', async () => {
  const { folder, open } = aFolder();
  const [copy, restored] = [join(folder, 'copy.db'), join(folder, 'other.db')];
  {
    await using store = await open();
    // Two keys that are always written one after the other: a copy of two moments would have the second ahead.
    let stop = false;
    let written = 0;
    const writer = (async () => {
      for (; !stop; written++) {
        await store.write(put('/a', String(written)));
        await store.write(put('/b', String(written)));
      }
    })();
    for (let i = 0; i < 300; i++) await store.write(put(`/filler/${i}`, 'x'.repeat(5000)));
    await store.write(put('/gone', 'x'));
    await store.write({ key: '/gone' });
    await writeBackup(store.backup!(), copy);
    stop = true;
    await writer;
  }
  expect(statSync(copy).mode & 0o777).toBe(0o600);
  chmodSync(copy, 0o644);
  await restoreFile(copy, restored);
  expect(statSync(restored).mode & 0o777).toBe(0o600);
  expect(readdirSync(folder).sort()).toEqual(['berth.db', 'copy.db', 'other.db']);
  await using before = await open();
  await using after = await openSqliteStore({ file: restored, clock: systemClock });
  const numberAt = async (key: string) => Number(new TextDecoder().decode((await after.get(key))?.value));
  const [a, b] = [await numberAt('/a'), await numberAt('/b')];
  expect([0, 1]).toContain(a - b);
  expect((await after.range({ prefix: '/filler/' })).items).toHaveLength(300);
  expect(await after.get('/gone')).toBeUndefined();
  expect(after.revision).toBeGreaterThan(before.revision + 1000);
  const { modRevision } = (await after.get('/a'))!;
  expect(await after.write({ ...put('/a', 'next'), expected: modRevision })).toMatchObject({ ok: true });
});

test('a watcher of the time before a restore is told to begin anew', async () => {
  const { folder, open } = aFolder();
  const [copy, restored] = [join(folder, 'copy.db'), join(folder, 'other.db')];
  let revision: number;
  {
    await using store = await open();
    await store.write(put('/a', '1'));
    revision = store.revision;
    await writeBackup(store.backup!(), copy);
    await restoreFile(copy, restored);
  }
  await using after = await openSqliteStore({ file: restored, clock: systemClock });
  const watching = async () => {
    for await (const _ of after.watch('/', revision, AbortSignal.timeout(30_000))) return;
  };
  await expect(watching()).rejects.toMatchObject({ code: 'Compacted' });
});

test('a store that a crash ended is put aside whole, and comes back with what its log alone has', async () => {
  const { folder, file, open } = aFolder();
  const [old, crashed] = [join(folder, 'old'), join(folder, 'crashed')];
  {
    await using store = await open();
    await store.write(put('/a', '1'));
    await writeBackup(store.backup!(), old);
    await store.write(put('/b', '2'));
    for (const end of ['', '-wal']) copyFileSync(file + end, crashed + end);
  }
  for (const end of ['', '-wal']) renameSync(crashed + end, file + end);
  const aside = `${file}.before-restore`;
  await restoreFile(old, file);
  expect(existsSync(`${aside}-wal`)).toBe(true);
  await restoreFile(aside, file);
  // The log was that of the file which was there before.
  expect(existsSync(`${aside}-wal`)).toBe(false);
  await using store = await open();
  expect([await store.get('/a'), await store.get('/b')]).toMatchObject([{ key: '/a' }, { key: '/b' }]);
});

test('a restore that was killed when it had put the file aside is done again, and what it had put aside stays', async () => {
  const { folder, file, open } = aFolder();
  const [backup, aside] = [join(folder, 'backup'), `${file}.before-restore`];
  {
    await using store = await open();
    await writeBackup(store.backup!(), backup);
    await store.write(put('/a', '1'));
  }
  renameSync(file, aside);
  await restoreFile(backup, file);
  {
    await using store = await open();
    expect(await store.get('/a')).toBeUndefined();
  }
  await restoreFile(aside, file);
  await using store = await open();
  expect(await store.get('/a')).toBeDefined();
});

test('what is no backup is refused, and the store that is there stays', async () => {
  const { folder, file, open } = aFolder();
  {
    await using store = await open();
    await store.write(put('/a', '1'));
  }
  const wrong = join(folder, 'wrong');
  const newer = join(folder, 'newer');
  copyFileSync(file, newer);
  const db = new DatabaseSync(newer);
  db.exec('PRAGMA user_version = 2');
  db.close();
  await expect(restoreFile(newer, file)).rejects.toThrow('it is of a newer Berth');
  rmSync(newer);
  for (const content of ['', 'not a database', 'SQLite format 3\0 and more']) {
    writeFileSync(wrong, content);
    await expect(restoreFile(wrong, file)).rejects.toMatchObject({ code: 'Corrupt' });
  }
  expect(readdirSync(folder).sort()).toEqual(['berth.db', 'wrong']);
  await using store = await open();
  expect(await store.get('/a')).toBeDefined();
});

test('a backup that broke off is told, not taken', async () => {
  const { folder, open } = aFolder();
  await using store = await open();
  for (let i = 0; i < 50; i++) await store.write(put(`/a/${i}`, 'x'.repeat(1000)));
  const whole = Buffer.concat(await Array.fromAsync(store.backup!()));
  for (const length of [0, 10, 700, 20_000, whole.byteLength - 1]) {
    const chunks = async function* () {
      yield whole.subarray(0, length);
    };
    await expect(writeBackup(chunks(), join(folder, `${length}`))).rejects.toMatchObject({ code: 'Corrupt' });
  }
});

test('a backup comes in pieces of a bounded size, whatever its rows have, and is read in pieces of any', async () => {
  const { open } = aFolder();
  await using store = await open();
  const small = Array.from({ length: 450 }, (_, i) => put(`/small/${i}`, String(i)));
  const large = Array.from({ length: 12 }, (_, i) => put(`/large/${i}`, String(i).repeat(100_000)));
  for (const write of [...small, ...large]) await store.write(write);
  const pieces = await Array.fromAsync(store.backup!());
  expect(pieces.length).toBeLessThan(15);
  expect(Math.max(...pieces.map(({ byteLength }) => byteLength))).toBeLessThan(2 ** 18 + 201_000);
  const whole = Buffer.concat(pieces);
  for (const size of [1, 7, 16_384, whole.byteLength]) {
    const chunks = async function* () {
      for (let i = 0; i < whole.byteLength; i += size) yield whole.subarray(i, i + size);
    };
    const read: { key: string; value: Uint8Array }[] = [];
    await decodeBackup(chunks(), ({ key, value }) => void read.push({ key, value: new Uint8Array(value!) }));
    expect(read).toEqual([...small, ...large]);
  }
});

test('a backup that nobody reads does not keep the store from forgetting', async () => {
  const { file } = aFolder();
  const clock = new FakeClock();
  await using store = await openSqliteStore({ file, clock });
  for (let i = 0; i < 50; i++) await store.write(put('/a', String(i)));
  const chunks = store.backup!()[Symbol.asyncIterator]();
  await chunks.next();
  let isDone = false;
  const compacted = store.compact(store.revision).then(() => {
    isDone = true;
  });
  await clock.advance(59_000);
  expect(isDone).toBe(false);
  await clock.advance(1_000);
  await compacted;
  await expect(chunks.next()).rejects.toMatchObject({ code: 'Unavailable' });
});

test('a store closes while a backup of it is read, which says so', async () => {
  const { open } = aFolder();
  const store = await open();
  for (let i = 0; i < 50; i++) await store.write(put('/a', String(i)));
  const [read, queued] = [store.backup!()[Symbol.asyncIterator](), store.backup!()[Symbol.asyncIterator]()];
  await read.next();
  const next = expect(queued.next()).rejects.toMatchObject({ code: 'Closed' });
  await store[Symbol.asyncDispose]();
  await next;
  await expect(read.next()).rejects.toMatchObject({ code: 'Closed' });
});
