import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FakeClock, seededRng, silentLogger } from '@berth/kit';
import { expect, onTestFinished, test } from 'vitest';
import { etcdEndpointsOf } from '../store/etcd/etcd-endpoint.ts';
import { DataDir } from './data-dir.ts';
import { openStore } from './open-store.ts';

function aDataDir(file: string, content: string) {
  const folder = mkdtempSync(join(tmpdir(), 'berth-open-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  mkdirSync(join(folder, 'store'));
  writeFileSync(join(folder, 'store', file), content);
  return new DataDir(folder);
}

const parts = { clock: new FakeClock(), rng: seededRng(1), log: silentLogger };
const etcd = { endpoints: etcdEndpointsOf('http://127.0.0.1:1'), prefix: '/registry', compactionMs: 0 };

test('a data directory whose objects are in a file is not served from etcd', async () => {
  const data = aDataDir('berth.db', 'objects');
  await expect(openStore({ data, etcd, ...parts })).rejects.toMatchObject({
    code: 'Usage',
    message: `${data.path} has its objects in ${data.store}/berth.db, not in etcd`,
    hint: expect.stringContaining('leave out --etcd-servers'),
  });
});

test('a data directory whose objects are in etcd is not served from a new file', async () => {
  const data = aDataDir('in-etcd', '--etcd-servers http://a:1 --etcd-prefix /x\n');
  await expect(openStore({ data, etcd: undefined, ...parts })).rejects.toMatchObject({
    code: 'Usage',
    message: `${data.path} has its objects in etcd, not in a file`,
    hint: expect.stringContaining('give --etcd-servers http://a:1 --etcd-prefix /x,'),
  });
  expect(existsSync(join(data.store, 'berth.db'))).toBe(false);
});

test('copies that a killed process left beside the store are gone after a start; those of users stay', async () => {
  const data = aDataDir('berth.db.backup-0', 'secrets');
  await (await openStore({ data, etcd: undefined, ...parts }))[Symbol.asyncDispose]();
  for (const name of [
    'berth.db.restored',
    'berth.db.restored-wal',
    'berth.db.try',
    'berth.db.before-restore',
    'berth.db.backup-mine',
    'berth.db.backup-1',
  ])
    writeFileSync(join(data.store, name), 'secrets');
  await using _store = await openStore({ data, etcd: undefined, ...parts });
  const left = readdirSync(data.store).filter((name) => !/^berth\.db(-wal)?$/.test(name));
  expect(left.sort()).toEqual(['berth.db.backup-mine', 'berth.db.before-restore']);
});

test('a restore that was killed with the old file aside and the new one not in place is no empty cluster', async () => {
  const data = aDataDir('berth.db.before-restore', 'objects');
  writeFileSync(join(data.store, 'berth.db.restored'), 'objects');
  await expect(openStore({ data, etcd: undefined, ...parts })).rejects.toMatchObject({
    code: 'Failed',
    message: `a restore of ${data.store}/berth.db did not come to its end`,
    hint: expect.stringContaining('berth restore'),
  });
  expect(readdirSync(data.store).sort()).toEqual(['berth.db.before-restore', 'berth.db.restored']);
});
