import type { csi } from '@berth/protos';
import { expect, test } from 'vitest';
import { FakeNfsServer } from '../backend/nfs/nfs-server.fake.ts';
import { sealRecord } from '../catalog/own-record.ts';
import type { VolumeRecord } from '../catalog/volume-record.ts';
import { aCapability, serviceHarness } from './service.harness.ts';

const code = (name: string) => expect.objectContaining({ code: name });
const parameters = { backend: 'nfs', server: 'nas', share: '/export' };
const volumeCapabilities = [aCapability('MULTI_NODE_MULTI_WRITER')];

/** Two instances of the driver, each with a catalog of its own, and one server that each has used. */
async function aWorld() {
  const server = new FakeNfsServer();
  server.bytes = { total: 1e12, free: 1e12, available: 1e12 };
  const instance = (seed: number) => {
    const h = serviceHarness(undefined, { nfs: server, seed });
    const page = async (startingToken = '', maxEntries = 0) => {
      const { entries, nextToken } = await h.call('ListVolumes')({ startingToken, maxEntries });
      const listed = entries as csi.ListVolumesResponseEntry[];
      return { ids: listed.map(({ volume }) => volume?.volumeId ?? ''), entries: listed, next: String(nextToken) };
    };
    return Object.assign(h, {
      page,
      create: async (name: string, change: object = {}) =>
        (await h.createVolume(name, { parameters, volumeCapabilities, ...change })).volumeId,
      delete: async (volumeId: string) => void (await h.call('DeleteVolume')({ volumeId })),
      /** Page after page; `between` runs before each but the first. */
      all: async (maxEntries = 0, between: (pages: number) => Promise<unknown> = async () => undefined) => {
        const ids: string[] = [];
        let pages = 0;
        for (let next = ''; pages === 0 || next !== ''; pages++) {
          if (pages > 0) await between(pages);
          const got = await page(next, maxEntries);
          if (maxEntries > 0) expect(got.ids.length).toBeLessThanOrEqual(maxEntries);
          ids.push(...got.ids);
          next = got.next;
        }
        return { ids, pages };
      },
    });
  };
  const [a, b] = [instance(1), instance(2)];
  const [ofA, ofB] = [await a.create('of-a'), await b.create('of-b')];
  return {
    ...{ server, a, b, ofA, ofB },
    async [Symbol.asyncDispose]() {
      await a[Symbol.asyncDispose]();
      await b[Symbol.asyncDispose]();
    },
  };
}

test('ListVolumes shows what the share has: what another instance made too, and not what another deleted', async () => {
  await using w = await aWorld();
  const local = await w.a.create('local', { parameters: {}, volumeCapabilities: [aCapability()] });
  const more = await w.b.create('more', { parameters: { ...parameters, nfsvers: '3' } });
  expect((await w.a.all()).ids).toEqual([w.ofA, local, ...[w.ofB, more]]);
  expect((await w.b.all()).ids).toEqual([w.ofB, more, w.ofA]);
  const [entryOfB] = (await w.a.page()).entries.filter(({ volume }) => volume?.volumeId === w.ofB);
  expect(entryOfB).toEqual((await w.b.page()).entries[0]);
  await w.b.delete(w.ofA);
  await w.a.delete(more);
  expect((await w.a.all()).ids).toEqual([local, w.ofB]);
  expect((await w.b.all()).ids).toEqual([w.ofB]);
});

for (const maxEntries of [1, 2, 3, 7]) {
  test(`pages of ${maxEntries} show each volume once, whatever is made and deleted between them`, async () => {
    await using w = await aWorld();
    w.server.pageEntries = 4;
    const own = [w.ofA];
    const others = [w.ofB];
    for (let i = 0; i < 5; i++) own.push(await w.a.create(`a-${i}`));
    for (let i = 0; i < 9; i++) others.push(await w.b.create(`b-${i}`));
    const all = [...own, ...others];
    expect((await w.a.all(maxEntries)).ids.sort()).toEqual(all.toSorted());
    const doomed = [others.pop() as string, own.pop() as string];
    const { ids } = await w.a.all(maxEntries, async (pages) => {
      if (pages === 2) for (const one of doomed) await w.b.delete(one);
      if (pages % 3 === 0 && pages < 7) await w.b.create(`late-${pages}`);
    });
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids).toEqual(expect.arrayContaining([...own, ...others]));
  });
}

test('one call looks at a bounded part of a share, and reads no note of what it knows', async () => {
  await using w = await aWorld();
  for (let i = 0; i < 2000; i++) w.server.writeFile(`.berth/records/snapshot-${i}`);
  const before = w.server.calls.length;
  const first = await w.a.page();
  const calls = w.server.calls.slice(before);
  expect(calls.filter((call) => call.startsWith('readdirPage'))).toHaveLength(8);
  expect(calls.filter((call) => call.startsWith('read '))).toHaveLength(1);
  expect(first.next).toMatch(/^noted-[0-9a-f]{16}-\d+-[0-9a-f]+$/);
  const { ids, pages } = await w.a.all();
  expect([ids, pages]).toEqual([[w.ofA, w.ofB], 3]);
});

test('a share that does not answer is waited for a moment, then left alone for a while; what is known of it is told', async () => {
  await using w = await aWorld();
  w.server.away = true;
  const listing = w.a.page();
  await w.a.clock.advance(3000);
  expect((await listing).ids).toEqual([w.ofA]);
  expect((await w.a.page()).ids).toEqual([w.ofA]);
  w.server.away = false;
  expect((await w.a.page()).ids).toEqual([w.ofA]);
  await w.a.clock.advance(40_000);
  expect((await w.a.page()).ids).toEqual([w.ofA, w.ofB]);
});

test('tokens of nobody, of another share, and those the server has forgotten are ABORTED', async () => {
  await using w = await aWorld();
  await w.b.create('more');
  w.server.pageEntries = 1;
  const { next } = await w.a.page('', 2);
  expect(next).toMatch(/^noted-/);
  const hostile = ['noted-', 'noted-x', `${next}-1`, 'noted-0123456789abcdef', `${next.slice(0, 22)}-${2n ** 64n}-01`];
  for (const token of [...hostile, `noted-${'0'.repeat(100)}`, 'noted-../../etc'])
    await expect(w.a.page(token), token).rejects.toEqual(code('ABORTED'));
  w.server.verifier = 2;
  await expect(w.a.page(next)).rejects.toEqual(code('ABORTED'));
  expect((await w.a.all(2)).ids).toHaveLength(3);
});

const sealed = (record: VolumeRecord) => sealRecord({ kind: 'volume', record }).toString();
const forged: Record<string, (record: VolumeRecord) => string> = {
  'of another name': (record) => sealed({ ...record, id: record.id.replace(/^.{8}/, '00000000') }),
  'of another share': (record) => sealed({ ...record, context: { ...record.context, share: '/other' } }),
  'with an id of another share': (record) => sealed({ ...record, id: record.id.replace('/export', '/other') }),
  'that leaves the share': (record) => sealed({ ...record, context: { ...record.context, subDir: '../other' } }),
  'of the whole share': (record) => sealed({ ...record, context: { ...record.context, subDir: '' } }),
  'of another backend': (record) => sealed({ ...record, backend: 'directory' }),
  'of a pool': (record) => sealed({ ...record, pool: 'default' }),
  'that is damaged': (record) => sealed(record).replace('nas', 'nsa'),
  'that is empty': () => '',
  'that is too long': () => 'x'.repeat(100_000),
};

test.each(Object.entries(forged))('a note %s is not listed', async (_what, forge) => {
  await using w = await aWorld();
  const record = w.b.context.catalog.find(w.ofB) as VolumeRecord;
  w.server.writeFile(`.berth/records/volume-${w.ofB.slice(0, 36)}`, forge(record));
  expect((await w.a.all()).ids).toEqual([w.ofA]);
});

test('long notes come in several answers, each far below what a message may hold', async () => {
  await using w = await aWorld();
  const record = w.b.context.catalog.find(w.ofB) as VolumeRecord;
  const names = Array.from({ length: 40 }, (_, i) => `${String(i).padStart(8, '0')}${record.id.slice(8, 36)}`);
  for (const name of names) {
    const long = { ...record, id: `${name}@nas/export`, context: { ...record.context, note: 'x'.repeat(50_000) } };
    w.server.writeFile(`.berth/records/volume-${name}`, sealed(long));
  }
  const first = await w.a.page();
  expect(first.ids.length).toBeLessThan(35);
  const { ids, pages } = await w.a.all();
  expect(ids.toSorted()).toEqual([w.ofA, w.ofB, ...names.map((name) => `${name}@nas/export`)].sort());
  expect(pages).toBeGreaterThan(2);
});
