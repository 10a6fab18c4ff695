import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '@berth/kit';
import type { csi } from '@berth/protos';
import { expect, test } from 'vitest';
import { FakeNfsServer } from '../backend/nfs/nfs-server.fake.ts';
import { sealRecord } from '../catalog/own-record.ts';
import type { VolumeRecord } from '../catalog/volume-record.ts';
import { aCapability, serviceHarness } from './service.harness.ts';

const code = (name: string) => expect.objectContaining({ code: name });
const parameters = { backend: 'nfs', server: 'nas', share: '/export' };
const volumeCapabilities = [aCapability('MULTI_NODE_MULTI_WRITER')];
const range = (bytes: number) => ({ requiredBytes: String(bytes), limitBytes: '0' });

/** Two instances of the driver, each with a catalog of its own, and one server. */
function aWorld() {
  const server = new FakeNfsServer();
  server.bytes = { total: 1e12, free: 1e12, available: 1e12 };
  const instance = (seed: number) => {
    const h = serviceHarness(undefined, { nfs: server, seed });
    return Object.assign(h, {
      create: (name: string, change: object = {}) =>
        h.createVolume(name, { parameters, volumeCapabilities, capacityRange: range(1000), ...change }),
      snapshot: async (name: string, sourceVolumeId: string) =>
        (await h.call('CreateSnapshot')({ name, sourceVolumeId }))['snapshot'] as csi.Snapshot,
      listed: async () =>
        ((await h.call('ListVolumes')({}))['entries'] as csi.ListVolumesResponseEntry[]).map(
          ({ volume }) => volume?.volumeId,
        ),
      /** Removes what is in the trash, however often that has to be tried. */
      emptied: async () => {
        while (readdirSync(join(h.pool, 'nfs/trash')).length > 0) {
          await systemClock.sleep(2);
          await h.clock.advance(1000);
        }
      },
    });
  };
  const [a, b] = [instance(1), instance(2)];
  return {
    server,
    a,
    b,
    /** What there is besides folders that stay. */
    left: () => server.tree().filter((line) => !/^\.berth\/([a-z]+\/)?$/.test(line)),
    async [Symbol.asyncDispose]() {
      await a[Symbol.asyncDispose]();
      await b[Symbol.asyncDispose]();
    },
  };
}

const ofVolume = (volumeId: string) => ({ volumeContentSource: { volume: { volumeId } } });
const ofSnapshot = (snapshotId: string) => ({ volumeContentSource: { snapshot: { snapshotId } } });

test('ids of volumes and snapshots of servers say where they are', async () => {
  await using w = aWorld();
  const { volumeId } = await w.a.create('pvc-1');
  expect(volumeId).toMatch(/^[0-9a-f-]{36}@nas\/export$/);
  expect((await w.a.snapshot('s', volumeId)).snapshotId).toMatch(/^[0-9a-f-]{36}@nas\/export$/);
  const other = await w.a.create('pvc-2', { parameters: { ...parameters, nfsvers: '3', port: '2050' } });
  expect(other.volumeId).toMatch(/^[0-9a-f-]{36}\+v3@nas:2050\/export$/);
});

test('what one instance made another clones, takes snapshots of, restores, grows, tells of and deletes', async () => {
  await using w = aWorld();
  const source = await w.a.create('source');
  w.server.writeFile('source/file', 'x');
  const byA = await w.a.snapshot('by-a', source.volumeId);
  const clone = await w.b.create('clone', ofVolume(source.volumeId));
  const byB = await w.b.snapshot('by-b', source.volumeId);
  const restored = await w.b.create('restored', ofSnapshot(byA.snapshotId));
  const again = await w.a.create('again', ofSnapshot(byB.snapshotId));
  for (const name of ['clone', 'restored', 'again']) expect(w.server.contentOf(`${name}/file`)).toBe('x');
  expect(byB).toMatchObject({ sourceVolumeId: source.volumeId, sizeBytes: '1000', readyToUse: true });
  const { volume } = await w.b.call('ControllerGetVolume')({ volumeId: source.volumeId });
  expect(volume).toEqual(source);
  const { snapshot } = await w.b.call('GetSnapshot')({ snapshotId: byA.snapshotId });
  expect(snapshot).toEqual(byA);
  const { entries } = await w.a.call('ListSnapshots')({ snapshotId: byB.snapshotId });
  expect(entries).toEqual([{ snapshot: byB }]);
  const validated = await w.b.call('ValidateVolumeCapabilities')({ volumeId: again.volumeId, volumeCapabilities });
  expect(validated).toMatchObject({ confirmed: { volumeCapabilities } });
  await w.b.call('ControllerExpandVolume')({ volumeId: source.volumeId, capacityRange: range(5000) });
  const grown = await w.a.call('ControllerGetVolume')({ volumeId: source.volumeId });
  expect(grown['volume']).toMatchObject({ capacityBytes: '5000' });
  for (const { volumeId } of [source, again]) await w.b.call('DeleteVolume')({ volumeId });
  for (const { volumeId } of [clone, restored]) await w.a.call('DeleteVolume')({ volumeId });
  await w.b.call('DeleteSnapshot')({ snapshotId: byA.snapshotId });
  await w.a.call('DeleteSnapshot')({ snapshotId: byB.snapshotId });
  for (const one of [w.a, w.b]) await one.emptied();
  expect(w.left()).toEqual([]);
});

test('a volume whose making was answered to nobody is found by its name, by whichever instance is asked again', async () => {
  await using w = aWorld();
  const source = await w.a.create('source');
  const first = await w.a.create('pvc-1', ofVolume(source.volumeId));
  expect(await w.b.create('pvc-1', ofVolume(source.volumeId))).toEqual(first);
  await expect(w.b.create('pvc-1')).rejects.toEqual(code('ALREADY_EXISTS'));
  await expect(w.b.create('source', { capacityRange: range(9000) })).rejects.toEqual(code('ALREADY_EXISTS'));
  const shared = { parameters: { ...parameters, subDir: 'shared' } };
  const [one, two] = [await w.a.create('one', shared), await w.b.create('two', shared)];
  expect(two.volumeId).not.toBe(one.volumeId);
  for (const { volumeId } of [first, source, one, two]) await w.b.call('DeleteVolume')({ volumeId });
  for (const one of [w.a, w.b]) await one.emptied();
  expect(w.left()).toEqual([]);
});

test('what another instance deleted is let go of as soon as it is asked about', async () => {
  await using w = aWorld();
  const first = await w.a.create('pvc-1');
  const { snapshotId } = await w.a.snapshot('s', first.volumeId);
  await w.b.call('DeleteVolume')({ volumeId: first.volumeId });
  await w.b.call('DeleteSnapshot')({ snapshotId });
  await expect(w.a.create('clone', ofSnapshot(snapshotId))).rejects.toEqual(code('NOT_FOUND'));
  await expect(w.a.create('clone', ofVolume(first.volumeId))).rejects.toEqual(code('NOT_FOUND'));
  expect(await w.a.listed()).toEqual([]);
  const second = await w.a.create('pvc-1');
  expect(second.volumeId).not.toBe(first.volumeId);
  await w.b.call('DeleteVolume')({ volumeId: second.volumeId });
  const third = await w.a.create('pvc-1', { capacityRange: range(7000) });
  expect(third.capacityBytes).toBe('7000');
});

test('a server that is away: what is known is told, what is not is UNAVAILABLE', async () => {
  await using w = aWorld();
  const { volumeId } = await w.a.create('pvc-1');
  w.server.away = true;
  const known = w.a.call('ControllerGetVolume')({ volumeId });
  await w.a.clock.advance(10_000);
  expect((await known)['volume']).toMatchObject({ volumeId });
  for (const method of ['ControllerGetVolume', 'DeleteVolume']) {
    const refused = expect(w.b.call(method)({ volumeId })).rejects.toEqual(code('UNAVAILABLE'));
    await w.b.clock.advance(10_000);
    await refused;
  }
  expect(await w.b.listed()).toEqual([]);
});

test('a call that needs a server that is away waits for it once; one that needs it for nothing more is answered', async () => {
  await using w = aWorld();
  const { volumeId } = await w.a.create('pvc-1', { capacityRange: range(5000) });
  w.server.away = true;
  const grow = (bytes: number) => w.a.call('ControllerExpandVolume')({ volumeId, capacityRange: range(bytes) });
  for (const call of [() => grow(6000), () => w.a.snapshot('s', volumeId)]) {
    const refused = expect(call()).rejects.toEqual(code('UNAVAILABLE'));
    await w.a.clock.advance(8000);
    await refused;
  }
  const grown = grow(4000);
  await w.a.clock.advance(8000);
  expect((await grown)['capacityBytes']).toBe('5000');
});

test('an id without a place is found on the share of the class', async () => {
  await using w = aWorld();
  const long = { ...parameters, share: `/${'x'.repeat(100)}` };
  const source = await w.a.create('source', { parameters: long });
  expect(source.volumeId).toMatch(/^[0-9a-f-]{36}$/);
  w.server.writeFile('source/file', 'x');
  await expect(w.b.create('clone', ofVolume(source.volumeId))).rejects.toEqual(code('NOT_FOUND'));
  await expect(w.b.create('clone', { ...ofVolume(source.volumeId), parameters: {} })).rejects.toMatchObject({
    code: expect.stringMatching(/NOT_FOUND|INVALID_ARGUMENT/),
  });
  await w.b.create('clone', { ...ofVolume(source.volumeId), parameters: long });
  expect(w.server.contentOf('clone/file')).toBe('x');
});

test('hostile ids reach no server, and are as unknown as any', async () => {
  await using w = aWorld();
  const { volumeId } = await w.a.create('pvc-1');
  const name = volumeId.slice(0, 36);
  const calls = w.server.calls.length;
  for (const hostile of [
    `${name}@nas/export/..`,
    `${name}@NAS/export`,
    `${name}@nas/export/`,
    `../${name}@nas/export`,
    `..@nas/export`,
    `${name}@nas,port=1/export`,
  ]) {
    await w.b.call('DeleteVolume')({ volumeId: hostile });
    await expect(w.b.call('ControllerGetVolume')({ volumeId: hostile })).rejects.toEqual(code('NOT_FOUND'));
    await expect(w.b.create('clone', ofVolume(hostile))).rejects.toEqual(code('NOT_FOUND'));
  }
  // Who uses the new volume's own place is asked of the class's share.
  const others = w.server.calls.slice(calls).filter((call) => !call.startsWith('readdir .berth/volumes/'));
  expect(others).toEqual([]);
});

const forged: Record<string, (record: VolumeRecord) => string> = {
  'of another directory than its own id': (record) => sealed({ ...record, id: record.id.replace(/^.{8}/, '00000000') }),
  'of another share': (record) => sealed({ ...record, context: { ...record.context, share: '/other' } }),
  'of another server': (record) => sealed({ ...record, context: { ...record.context, server: '6.6.6.6' } }),
  'that leaves the share': (record) => sealed({ ...record, context: { ...record.context, subDir: '../other' } }),
  'of the whole share': (record) => sealed({ ...record, context: { ...record.context, subDir: '' } }),
  'of the driver’s own folder': (record) => sealed({ ...record, context: { ...record.context, subDir: '.berth' } }),
  'of another backend': (record) => sealed({ ...record, backend: 'directory' }),
  'of a pool': (record) => sealed({ ...record, pool: 'default' }),
  'of no size': (record) => sealed({ ...record, capacityBytes: -1 }),
  'with a context that is no map': (record) => sealed({ ...record, context: 7 as never }),
  'that is damaged': (record) => sealed(record).replace('nas', 'nsa'),
  'that is empty': () => '',
  'that is too long': () => 'x'.repeat(100_000),
};

const sealed = (record: VolumeRecord) => sealRecord({ kind: 'volume', record }).toString();

for (const [what, forge] of Object.entries(forged)) {
  test(`a note ${what} is not believed`, async () => {
    await using w = aWorld();
    const { volumeId } = await w.a.create('pvc-1');
    w.server.makeDirectory('other');
    w.server.writeFile(`.berth/records/volume-${volumeId.slice(0, 36)}`, forge(w.a.context.catalog.find(volumeId)!));
    const before = w.server.tree();
    await expect(w.b.create('clone', ofVolume(volumeId))).rejects.toEqual(code('NOT_FOUND'));
    await expect(w.b.snapshot('s', volumeId)).rejects.toEqual(code('NOT_FOUND'));
    await w.b.call('DeleteVolume')({ volumeId });
    expect(w.server.tree()).toEqual(before);
    expect(await w.b.listed()).toEqual([]);
  });
}

test('a note that names another volume’s directory deletes nothing of it', async () => {
  await using w = aWorld();
  const [victim, bait] = [await w.a.create('victim'), await w.a.create('bait')];
  w.server.writeFile('victim/file', 'x');
  const record = w.a.context.catalog.find(bait.volumeId)!;
  const note = sealed({ ...record, context: { ...record.context, subDir: 'victim' } });
  w.server.writeFile(`.berth/records/volume-${bait.volumeId.slice(0, 36)}`, note);
  await w.b.call('DeleteVolume')({ volumeId: bait.volumeId });
  expect(w.server.contentOf('victim/file')).toBe('x');
  await w.a.call('DeleteVolume')({ volumeId: victim.volumeId });
  expect(w.server.has('victim')).toBe(false);
});

test('a deletion by another instance survives a lost call or answer anywhere, by repeating', async () => {
  await using w = aWorld();
  let lives = 0;
  const live = async (at?: { readonly call: number; readonly when: 'before' | 'after' }) => {
    const { volumeId } = await w.a.create(`pvc-${lives}`);
    const { snapshotId } = await w.a.snapshot(`s-${lives++}`, volumeId);
    const first = w.server.calls.length;
    w.server.breakAt = at && { ...at, call: first + at.call };
    for (const [method, request] of [
      ['DeleteVolume', { volumeId }],
      ['DeleteSnapshot', { snapshotId }],
    ] as const) {
      const call = () => w.b.call(method)(request);
      await call().catch(call);
    }
    const count = w.server.calls.length - first;
    await w.b.emptied();
    expect(w.left(), JSON.stringify(at)).toEqual([]);
    return count;
  };
  const count = await live();
  expect(count).toBeGreaterThan(10);
  for (let call = 0; call < count; call++) for (const when of ['before', 'after'] as const) await live({ call, when });
});
