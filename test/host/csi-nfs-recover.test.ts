import { mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { silentLogger, systemClock, systemRng } from '@berth/kit';
import { connectNfs } from '@berth/nfs-client';
import type { csi } from '@berth/protos';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type DriverProcess, driverFolder, runDriver, startDriverProcess } from '../harness/driver-process.ts';
import { Ganesha } from '../harness/ganesha.ts';

let server: Ganesha;
beforeAll(async () => {
  server = await Ganesha.start();
});
afterAll(() => server?.[Symbol.asyncDispose]());

const capability = {
  mount: { fsType: '', mountFlags: [], volumeMountGroup: '' },
  accessMode: { mode: 'MULTI_NODE_MULTI_WRITER' as const },
};
const signal = new AbortController().signal;
const nfsOptions = { version: 3, uid: 0, gid: 0, clock: systemClock, rng: systemRng, log: silentLogger } as const;
const range = (bytes: number) => ({ requiredBytes: String(bytes), limitBytes: '0' });

interface Line {
  readonly kind: string;
  readonly id: string;
  readonly from: string;
  readonly reason: string;
}

async function create({ controller }: DriverProcess, name: string, change: object = {}) {
  const parameters = { backend: 'nfs', server: server.host, share: server.export };
  const request = { name, parameters, volumeCapabilities: [capability], capacityRange: range(1000), ...change };
  return (await controller.CreateVolume(request)).volume!;
}

async function listed({ controller }: DriverProcess) {
  const { entries: volumes } = await controller.ListVolumes({});
  const { entries: snapshots } = await controller.ListSnapshots({});
  const byId = (a: object, b: object) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1);
  return {
    volumes: volumes.map(({ volume }) => volume!).sort(byId),
    snapshots: snapshots.map(({ snapshot }) => snapshot!).sort(byId),
  };
}

function recover(...flags: readonly string[]): { readonly written: boolean; readonly found: readonly Line[] } {
  const { code, stdout, stderr } = runDriver('recover', '-o', 'json', ...flags);
  expect([code, stderr]).toEqual([0, '']);
  return JSON.parse(stdout);
}

const loseCatalog = (pool: string) => {
  for (const name of readdirSync(pool)) if (name.startsWith('catalog.db')) rmSync(join(pool, name));
};

test('a lost catalog is made anew from the notes on the share: all that was there, as it was', async () => {
  using place = driverFolder();
  const pool = join(place.folder, 'pool');
  const first = await startDriverProcess(place.folder);
  const source = await create(first, 'source');
  writeFileSync(join(server.root, 'source/file'), 'data');
  const { snapshot } = await first.controller.CreateSnapshot({ name: 's', sourceVolumeId: source.volumeId });
  const clone = await create(first, 'clone', { volumeContentSource: { volume: { volumeId: source.volumeId } } });
  await first.controller.ControllerExpandVolume({ volumeId: clone.volumeId, capacityRange: range(5000) });
  const gone = await create(first, 'gone');
  await first.controller.DeleteVolume({ volumeId: gone.volumeId });
  const before = await listed(first);
  expect([before.volumes.length, before.snapshots.length]).toEqual([2, 1]);
  await first.kill();

  loseCatalog(pool);
  expect(recover('--pool', pool, '--dry-run')).toMatchObject({
    written: false,
    found: Array(3).fill({ from: 'data' }),
  });
  expect(recover('--pool', pool)).toMatchObject({ written: true, found: Array(3).fill({ from: 'data' }) });
  await using again = await startDriverProcess(place.folder);
  expect(await listed(again)).toEqual(before);
  expect(await create(again, 'source')).toEqual(source);
  const restored = { volumeContentSource: { snapshot: { snapshotId: snapshot!.snapshotId } } };
  await create(again, 'restored', restored);
  expect(readFileSync(join(server.root, 'restored/file'), 'utf8')).toBe('data');
  for (const { volumeId } of (await listed(again)).volumes) await again.controller.DeleteVolume({ volumeId });
  await again.controller.DeleteSnapshot({ snapshotId: snapshot!.snapshotId });
  expect(readdirSync(server.root)).toEqual(['.berth']);
  expect(readdirSync(join(server.root, '.berth/records'))).toEqual([]);
});

test('another machine without any memory recovers by --nfs, and believes nothing unchecked', async () => {
  using place = driverFolder();
  const first = await startDriverProcess(place.folder);
  const made: csi.Volume[] = [];
  for (let i = 0; i < 6; i++) made.push(await create(first, `pvc-${i}`));
  const { snapshot } = await first.controller.CreateSnapshot({ name: 's', sourceVolumeId: made[0]!.volumeId });
  await first[Symbol.asyncDispose]();
  const note = (index: number) =>
    join(server.root, '.berth/records', `volume-${made[index]!.volumeId.split('@', 1)[0]}`);
  const name = (index: number) => made[index]!.volumeId.split('@', 1)[0]!;
  writeFileSync(note(1), 'not a note');
  // Somebody who may write to the share put another one's note in its place.
  writeFileSync(note(2), readFileSync(note(0)));
  // By the server, which remembers what it has seen.
  await using client = await connectNfs({ ...nfsOptions, host: server.host, export: server.export }, signal);
  await client.rmdir('pvc-3', signal);
  rmSync(note(4));
  rmSync(note(5));
  symlinkSync('/etc/passwd', note(5));
  using elsewhere = driverFolder();
  const pool = join(elsewhere.folder, 'pool');
  mkdirSync(pool);
  const nobody = '127.0.0.1:/share';
  const { found } = recover('--pool', pool, '--nfs', `${server.host}:${server.export}`, '--nfs', nobody);
  const reasons = Object.fromEntries(found.map(({ id, from, reason }) => [id, `${from} ${reason}`]));
  expect(reasons).toEqual({
    [made[0]!.volumeId]: 'data ',
    [snapshot!.snapshotId]: 'data ',
    [name(1)]: expect.stringContaining('unplaced the note of it is damaged'),
    [name(2)]: expect.stringContaining(`unplaced the note of it is of "${made[0]!.volumeId}"`),
    [name(3)]: expect.stringContaining('unplaced its data is not on the share'),
    [name(4)]: expect.stringContaining('unplaced there is no note of it'),
    [name(5)]: expect.stringContaining('unplaced the note of it is damaged'),
    [nobody]: expect.stringMatching(/^unplaced the nfs server 127\.0\.0\.1/),
  });
  await using again = await startDriverProcess(elsewhere.folder);
  expect((await listed(again)).volumes).toEqual([made[0]]);
  for (const flag of ['nas', 'nas:export', 'nas:/a/../b', 'nas,ro:/a', ':/a', 'nas:/a,uid=0'])
    expect(runDriver('recover', '--pool', pool, '--nfs', flag)).toMatchObject({ code: 2 });
});

test('two drivers of one share list each other’s volumes, page by page, each once', async () => {
  using placeOfA = driverFolder();
  using placeOfB = driverFolder();
  await using a = await startDriverProcess(placeOfA.folder);
  await using b = await startDriverProcess(placeOfB.folder);
  // The other tests leave things on the other share.
  const at = { parameters: { backend: 'nfs', server: server.host, share: '/secure' } };
  const made = [await create(a, 'of-a', at), await create(b, 'of-b-1', at), await create(b, 'of-b-2', at)];
  const names = async ({ controller }: DriverProcess, maxEntries: number) => {
    const names: string[] = [];
    for (let startingToken = '', isFirst = true; isFirst || startingToken !== ''; isFirst = false) {
      const page = await controller.ListVolumes({ maxEntries, startingToken });
      names.push(...page.entries.map(({ volume }) => volume?.volumeContext['subDir'] ?? ''));
      startingToken = page.nextToken;
    }
    return names;
  };
  for (const maxEntries of [0, 1, 2]) {
    expect(await names(a, maxEntries)).toEqual(['of-a', expect.anything(), expect.anything()]);
    expect((await names(b, maxEntries)).sort()).toEqual(['of-a', 'of-b-1', 'of-b-2']);
  }
  const [first, second, third] = made.map(({ volumeId }) => volumeId);
  await b.controller.DeleteVolume({ volumeId: first! });
  expect((await names(a, 0)).sort()).toEqual(['of-b-1', 'of-b-2']);
  for (const volumeId of [second!, third!]) await a.controller.DeleteVolume({ volumeId });
  expect([await names(a, 0), await names(b, 1)]).toEqual([[], []]);
});
