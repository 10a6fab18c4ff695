import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FakeClock, systemRng } from '@berth/kit';
import { FakeKernel } from '@berth/linux';
import { expect, test } from 'vitest';
import { parsePools } from './backend/pool-options.ts';
import { Catalog } from './catalog/catalog.ts';
import { takePools } from './take-pools.ts';

const record = { name: 'pvc-1', id: 'id-1', capacityBytes: 1000, backend: 'directory', parameters: {}, context: {} };

function folder() {
  const path = mkdtempSync(join(tmpdir(), 'berth-take-pools-'));
  const at = (name: string) => join(path, name);
  return {
    at,
    idIn: (name: string) => readFileSync(join(at(name), 'pool-id'), 'utf8').trim(),
    /** One start of a driver with pools of these names, up to its end. @returns why it does without which of them. */
    start: async (...names: readonly string[]) => {
      await using stack = new AsyncDisposableStack();
      const tools = { mounter: new FakeKernel(), clock: new FakeClock(), rng: systemRng };
      const wanted = parsePools(names.map((name) => (name.includes('=') ? name : `${name}=${at(name)}`)));
      const { absent } = await takePools(stack, wanted, tools);
      return Object.fromEntries([...absent].map(([name, { why }]) => [name, why]));
    },
    [Symbol.dispose]: () => rmSync(path, { recursive: true }),
  };
}

/** As if the disk of a pool were not mounted: what is there is an empty directory. */
function unmount(path: string): void {
  renameSync(path, `${path}.disk`);
  mkdirSync(path);
}

test('a pool keeps its id, and one that has another or none is not used, nor touched', async () => {
  using f = folder();
  expect(await f.start('main', 'fast', 'slow')).toEqual({});
  const ids = ['main', 'fast', 'slow'].map(f.idIn);
  expect(new Set(ids).size).toBe(3);
  expect(await f.start('main', 'fast', 'slow')).toEqual({});
  expect(['main', 'fast', 'slow'].map(f.idIn)).toEqual(ids);

  unmount(f.at('fast'));
  rmSync(f.at('slow'), { recursive: true });
  renameSync(`${f.at('fast')}.disk`, f.at('slow'));
  expect(await f.start('main', 'fast', 'slow')).toEqual({
    fast: `there is no ${f.at('fast')}/pool-id that says ${ids[1]}`,
    slow: `${f.at('slow')}/pool-id says ${ids[1]}, which is the pool "fast", and not ${ids[2]}`,
  });
  expect(readdirSync(f.at('fast'))).toEqual([]);
  // Where that is meant, this is how it is said.
  writeFileSync(join(f.at('fast'), 'pool-id'), `${ids[1]}\n`);
  expect(await f.start('main', 'fast')).toEqual({});
  // A pool may get another name.
  expect(await f.start('main', `other=${f.at('fast')}`)).toEqual({});
  expect(f.idIn('fast')).toBe(ids[1]);
});

test('the first pool may get another name, but not that of a further one, which would not be found again', async () => {
  using f = folder();
  await f.start('main', 'fast');
  const [main, fast] = [f.idIn('main'), f.idIn('fast')];
  await expect(f.start(`fast=${f.at('main')}`)).rejects.toMatchObject({
    code: 'Usage',
    message: expect.stringContaining(`pool-id says ${main}, which is the pool "main", and not ${fast}`),
  });
  expect(await f.start(`first=${f.at('main')}`, 'fast')).toEqual({});
  expect(await f.start('main', 'fast')).toEqual({});
});

test('a setting that is mistyped makes no directory of that name; one that is there is a pool', async () => {
  using f = folder();
  const mistyped = `${f.at('main')},limit=5Gi,limt=1Gi`;
  const start = async () => {
    await using stack = new AsyncDisposableStack();
    await takePools(stack, parsePools([mistyped]), {
      mounter: new FakeKernel(),
      clock: new FakeClock(),
      rng: systemRng,
    });
  };
  await expect(start()).rejects.toThrow(/"limt=1Gi" is no setting; settings are backend, limit/);
  expect(existsSync(mistyped)).toBe(false);
  mkdirSync(mistyped);
  await start();
  expect(existsSync(join(mistyped, 'pool-id'))).toBe(true);
});

test('a pool whose directory is gone altogether is not made anew', async () => {
  using f = folder();
  await f.start('main', 'fast');
  rmSync(f.at('fast'), { recursive: true });
  expect(Object.keys(await f.start('main', 'fast'))).toEqual(['fast']);
  expect(existsSync(f.at('fast'))).toBe(false);
});

test('a pool from before there were ids gets one where it has its folders, and is not there where it has none', async () => {
  using f = folder();
  mkdirSync(f.at('main'));
  {
    using catalog = new Catalog({ path: join(f.at('main'), 'catalog.db'), volumesFolder: '' });
    await catalog.begin({ ...record, pool: 'fast' });
  }
  expect(await f.start('main', 'fast')).toEqual({
    fast: `there is nothing at ${f.at('fast')}, though volumes or snapshots are in it`,
  });
  mkdirSync(join(f.at('fast'), 'trash'), { recursive: true });
  expect(await f.start('main', 'fast')).toEqual({});
  expect(f.idIn('fast')).toMatch(/^[-0-9a-f]{36}$/);
});

test('a crash between the id and the catalog, or in the writing of the id, leaves a pool that is used', async () => {
  using f = folder();
  await f.start('main');
  mkdirSync(f.at('fast'));
  const id = '00000000-1111-4222-8333-444444444444';
  writeFileSync(join(f.at('fast'), 'pool-id'), `${id}\n`);
  mkdirSync(f.at('slow'));
  writeFileSync(join(f.at('slow'), `pool-id.${id}.tmp`), 'half');
  expect(await f.start('main', 'fast', 'slow')).toEqual({});
  expect(f.idIn('fast')).toBe(id);
  expect(readdirSync(f.at('slow')).sort()).toEqual(['lock', 'pool-id']);
});

test('a first pool without a catalog beside one that was used with one is refused, and left empty', async () => {
  using f = folder();
  await f.start('main', 'fast');
  unmount(f.at('main'));
  const refused = expect.objectContaining({ code: 'Pool', message: expect.stringContaining('has no catalog') });
  await expect(f.start('main', 'fast')).rejects.toEqual(refused);
  expect(readdirSync(f.at('main'))).toEqual([]);
});

const refusals: Record<string, [pools: (at: (name: string) => string) => string[], code: string, words: string]> = {
  'a pool in another': [(at) => [`a=${at('x')}`, `b=${at('x/y')}`], 'Usage', 'in one another'],
  'a mount point that the pool is not in': [(at) => [`a=${at('x')},mount=${at('xy')}`], 'Usage', 'is not in mount='],
  'a file in the way': [(at) => [`a=${at('file')}/x`], 'Pool', 'cannot use the pool'],
  'a pool that is not mounted': [(at) => [`a=${at('x')},mount=required`], 'Pool', 'nothing is mounted at'],
};

for (const [what, [pools, code, words]] of Object.entries(refusals)) {
  test(`${what} is refused, and nothing is made`, async () => {
    using f = folder();
    writeFileSync(f.at('file'), '');
    const refused = expect.objectContaining({ code, message: expect.stringContaining(words) });
    await expect(f.start(...pools(f.at))).rejects.toEqual(refused);
    expect(readdirSync(f.at('.'))).toEqual(['file']);
  });
}
