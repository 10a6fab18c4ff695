import { execFileSync, spawn } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLogger, FakeClock, seededRng, systemClock } from '@berth/kit';
import { KubeClient, resources } from '@berth/kube';
import { expect, test } from 'vitest';
import { runCli } from '../../orchestrator/src/berth/cli.ts';
import { openSqliteStore } from '../../orchestrator/src/index.ts';
import { writeBackup } from '../../orchestrator/src/store/backup-file.ts';
import { restoreFile } from '../../orchestrator/src/store/restore-file.ts';
import type { Store } from '../../orchestrator/src/store/store.ts';
import { anApiServer } from '../harness/api-server.ts';
import { fillDisk, mountSmallDisk } from '../harness/small-disk.ts';

const writer = join(import.meta.dirname, '../harness/store-writer.ts');

function aFolder() {
  const path = mkdtempSync(join(tmpdir(), 'berth-durable-'));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

/** Runs the writer until it has acknowledged `count` writes or `ms` passed, then kills it. Answers with the last acknowledged revision. */
async function killedAfter(file: string, ms: number): Promise<number> {
  const child = spawn(process.execPath, [writer, file], { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
  });
  while (!text.includes('\n')) await systemClock.sleep(5);
  await systemClock.sleep(ms);
  child.kill('SIGKILL');
  await new Promise((resolve) => child.once('close', resolve));
  const complete = text.slice(0, text.lastIndexOf('\n')).split('\n').slice(1);
  return Math.max(0, ...complete.map(Number));
}

test('after kill -9 at any moment every acknowledged write is there, and the file opens at once', async () => {
  using folder = aFolder();
  const file = join(folder.path, 'store.db');
  const rng = seededRng(7);
  for (let round = 0; round < 6; round++) {
    const acknowledged = await killedAfter(file, 20 + rng.next() * 200);
    await using store = await openSqliteStore({ file, clock: systemClock });
    expect(store.revision).toBeGreaterThanOrEqual(acknowledged);
    const { items } = await store.range({ prefix: '/registry/things/' });
    expect(Math.max(0, ...items.map(({ modRevision }) => modRevision))).toBe(store.revision);
  }
});

test('a file another process has open is refused as Locked, and free once that process was killed', async () => {
  using folder = aFolder();
  const file = join(folder.path, 'store.db');
  const child = spawn(process.execPath, [writer, file], { stdio: ['ignore', 'pipe', 'inherit'] });
  await new Promise((resolve) => child.stdout.once('data', resolve));
  await expect(openSqliteStore({ file, clock: systemClock })).rejects.toMatchObject({ code: 'Locked' });
  child.kill('SIGKILL');
  await new Promise((resolve) => child.once('close', resolve));
  await using store = await openSqliteStore({ file, clock: systemClock });
  expect(store.revision).toBeGreaterThan(0);
});

test('a full disk fails the write and nothing else; once there is room the same store writes again', async () => {
  using folder = aFolder();
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', folder.path]);
  try {
    const file = join(folder.path, 'store.db');
    const ballast = join(folder.path, 'ballast');
    const value = new Uint8Array(20_000).fill(120);
    await using store = await openSqliteStore({ file, clock: systemClock });
    const kept = await store.write({ key: '/registry/things/kept', value, expected: 0 });
    writeFileSync(ballast, Buffer.alloc(3 * 1024 * 1024));
    const fill = async () => {
      for (let i = 0; i < 500; i++) await store.write({ key: `/registry/things/${i}`, value });
    };
    await expect(fill()).rejects.toMatchObject({ code: 'Full' });
    const { revision } = store;
    await expect(store.write({ key: '/registry/things/more', value })).rejects.toMatchObject({ code: 'Full' });
    expect(store.revision).toBe(revision);
    expect(await store.get('/registry/things/kept')).toMatchObject({ modRevision: kept.ok && kept.revision });
    rmSync(ballast);
    expect(await store.write({ key: '/registry/things/more', value })).toEqual({ ok: true, revision: revision + 1 });
  } finally {
    execFileSync('umount', [folder.path]);
  }
});

test('a restore onto a disk that has room for a backup, but not for what its log has, is refused and leaves nothing', async () => {
  using folder = aFolder();
  const [file, crashed, small] = ['store.db', 'crashed.db', 'small'].map((name) => join(folder.path, name)) as [
    string,
    string,
    string,
  ];
  {
    await using store = await openSqliteStore({ file, clock: systemClock });
    const value = new Uint8Array(10_000);
    for (let i = 0; i < 100; i++) await store.write({ key: `/registry/things/${i}`, value });
    for (const end of ['', '-wal']) copyFileSync(file + end, crashed + end);
  }
  const size = ['', '-wal'].reduce((sum, end) => sum + statSync(crashed + end).size, 0);
  mountSmallDisk(small, String(size + 300_000));
  try {
    const failed = restoreFile(crashed, join(small, 'berth.db'));
    await expect(failed).rejects.toMatchObject({ code: 'Full', message: expect.stringContaining('no space left') });
    expect(readdirSync(small)).toEqual([]);
    await restoreFile(crashed, file);
    await using store = await openSqliteStore({ file, clock: systemClock });
    expect((await store.range({ prefix: '/registry/things/' })).items).toHaveLength(100);
  } finally {
    execFileSync('umount', [small]);
  }
});

test('a backup onto a disk without room for it says so and leaves nothing', async () => {
  using folder = aFolder();
  const [dataDir, small] = [join(folder.path, 'data'), join(folder.path, 'small')];
  mkdirSync(join(dataDir, 'store'), { recursive: true });
  {
    await using store = await openSqliteStore({ file: join(dataDir, 'store', 'berth.db'), clock: systemClock });
    const value = new Uint8Array(10_000);
    for (let i = 0; i < 400; i++) await store.write({ key: `/registry/things/${i}`, value });
  }
  mountSmallDisk(small, '2m');
  try {
    const said: string[] = [];
    const terminal = {
      out: () => undefined,
      err: (text: string) => void said.push(text),
      isInteractive: false,
      env: {},
    };
    const options = { terminal, signal: new AbortController().signal, driverCommand: ['true'] } as const;
    expect(await runCli(['backup', join(small, 'copy.db'), '--data-dir', dataDir], options)).toBe(1);
    expect(said.join('')).toContain(`cannot write ${small}/copy.db: database or disk is full`);
    expect(readdirSync(small)).toEqual([]);
  } finally {
    execFileSync('umount', [small]);
  }
});

test('an API server on a full disk says so to clients, once in its log and by /readyz, goes on reading, and writes again once there is room', async () => {
  using folder = aFolder();
  mountSmallDisk(folder.path, '6m');
  try {
    const lines: string[] = [];
    const log = createLogger({ level: 'info', now: () => 0, write: (line) => void lines.push(line) });
    await using store = await openSqliteStore({ file: join(folder.path, 'store.db'), clock: systemClock, log });
    await using running = await anApiServer({ more: { store } });
    const health = async (path: string) => (await running.send({ method: 'GET', path })).status;
    const client = new KubeClient(running.server.transport());
    const aMap = (name: string) => ({ metadata: { name, namespace: 'default' }, data: { x: 'x'.repeat(50_000) } });
    const kept = await client.create(resources.configmaps, aMap('kept'));
    {
      using _full = fillDisk(folder.path);
      const refused = { code: 'InternalError', message: expect.stringContaining('no space left on the disk') };
      const fill = async () => {
        for (let i = 0; i < 500; i++) await client.create(resources.configmaps, aMap(`m${i}`));
      };
      await expect(fill()).rejects.toMatchObject(refused);
      const change = client.update(resources.configmaps, { ...kept, data: { x: 'y'.repeat(60_000) } });
      await expect(change).rejects.toMatchObject(refused);
      const path = '/api/v1/namespaces/default/configmaps/kept';
      expect(await running.send({ method: 'GET', path })).toMatchObject({ status: 200 });
      expect(
        await running.send({
          method: 'POST',
          path: '/api/v1/namespaces/default/configmaps',
          contentType: 'application/json',
          body: aMap('late'),
        }),
      ).toMatchObject({ status: 500, text: expect.stringContaining('free some, then try again') });
      expect(lines).toEqual([expect.stringMatching(/cannot be written to.*no space left on the disk/)]);
      // A restart would change nothing: it lives.
      expect([await health('/readyz'), await health('/livez')]).toEqual([500, 200]);
      expect(await running.send({ method: 'GET', path: '/readyz/etcd-readiness' })).toMatchObject({
        status: 500,
        text: expect.stringContaining('no space left on the disk; free some'),
      });
      // What is there can be taken elsewhere.
      using elsewhere = aFolder();
      const copy = join(elsewhere.path, 'copy.db');
      await writeBackup(store.backup!(), copy);
      await using copied = await openSqliteStore({ file: copy, clock: systemClock });
      const revisions = async (of: Store) =>
        (await of.range({ prefix: '/registry/' })).items.map(({ key, modRevision }) => `${key} ${modRevision}`);
      expect(await revisions(copied)).toEqual(await revisions(store));
    }
    // Nobody need have written.
    expect(await health('/readyz')).toBe(200);
    expect(lines).toEqual([expect.anything(), expect.stringContaining('is written to again')]);
    expect(await client.update(resources.configmaps, { ...kept, data: { x: 'z' } })).toMatchObject({
      data: { x: 'z' },
    });
    await client.create(resources.configmaps, aMap('after'));
  } finally {
    execFileSync('umount', [folder.path]);
  }
});

test('what a full disk did not let a store do by itself is done once there is room: compaction, and keys whose time came', async () => {
  using folder = aFolder();
  mountSmallDisk(folder.path, '6m');
  try {
    const clock = new FakeClock();
    await using store = await openSqliteStore({ file: join(folder.path, 'store.db'), clock });
    const value = new Uint8Array(100_000);
    const event = store.write({ key: '/registry/events/a', value, ttlSeconds: 60 });
    await clock.advance(10);
    await event;
    for (let i = 0; i < 10; i++) await store.write({ key: '/registry/things/a', value });
    {
      using _full = fillDisk(folder.path);
      await expect(store.compact(store.revision)).rejects.toMatchObject({ code: 'Full' });
      // What a large write had no room for is room for small ones.
      const fill = async () => {
        for (;;)
          for (const of of [{ value: new Uint8Array(1) }, {}]) await store.write({ key: '/registry/small', ...of });
      };
      await expect(fill()).rejects.toMatchObject({ code: 'Full' });
      await clock.advance(61_000);
      await expect
        .poll(() =>
          store.check?.().then(
            () => 'well',
            (error) => error.code,
          ),
        )
        .toBe('Full');
      expect(await store.get('/registry/events/a')).toBeDefined();
    }
    const { revision } = store;
    await store.compact(revision);
    await clock.advance(10_000);
    await expect.poll(() => store.get('/registry/events/a')).toBeUndefined();
    await store.write({ key: '/registry/things/a', value });
    await store.compact(store.revision);
  } finally {
    execFileSync('umount', [folder.path]);
  }
});
