import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { getXattr, putXattr, removeXattr } from '@berth/linux';
import { berthTrash, type csi } from '@berth/protos';
import { expect, test } from 'vitest';
import { type DriverProcess, runDriver, startDriverProcess } from '../harness/driver-process.ts';
import { capabilityOf, imageFolder } from '../harness/image-driver.ts';

const MiB = 1024 ** 2;
const volumeCapability = capabilityOf({ mount: {} });
const attribute = 'trusted.berth.record';

interface Line {
  readonly id: string;
  readonly from: string;
  readonly reason: string;
}

interface Report {
  readonly state: string;
  readonly written: boolean;
  readonly keptAs?: string;
  readonly found: readonly Line[];
}

async function create({ controller }: DriverProcess, name: string, change: object = {}): Promise<string> {
  const { volume } = await controller.CreateVolume({
    name,
    volumeCapabilities: [volumeCapability],
    capacityRange: { requiredBytes: String(64 * MiB), limitBytes: '0' },
    ...change,
  });
  return volume!.volumeId;
}

async function snapshot({ controller }: DriverProcess, name: string, sourceVolumeId: string): Promise<string> {
  return (await controller.CreateSnapshot({ name, sourceVolumeId })).snapshot!.snapshotId;
}

/** Writes into a volume, or reads from it, as a pod would. */
async function withVolume<T>({ node }: DriverProcess, volumeId: string, use: (path: string) => T): Promise<T> {
  const stagingTargetPath = `${process.env['TMPDIR'] ?? '/tmp'}/berth-recover-${volumeId}`;
  mkdirSync(stagingTargetPath, { recursive: true });
  await node.NodeStageVolume({ volumeId, stagingTargetPath, volumeCapability });
  try {
    return use(stagingTargetPath);
  } finally {
    await node.NodeUnstageVolume({ volumeId, stagingTargetPath });
    rmSync(stagingTargetPath, { recursive: true });
  }
}

async function listed({ controller, groups }: DriverProcess, of?: csi.VolumeGroupSnapshot) {
  const byId = (a: string, b: string) => (a < b ? -1 : 1);
  const volumes = (await controller.ListVolumes({ maxEntries: 0, startingToken: '' })).entries;
  const snapshots = (await controller.ListSnapshots({})).entries;
  return {
    volumes: volumes.map(({ volume }) => volume!).sort((a, b) => byId(a.volumeId, b.volumeId)),
    snapshots: snapshots.map((entry) => entry.snapshot!).sort((a, b) => byId(a.snapshotId, b.snapshotId)),
    ...(of ? { group: await groups.GetVolumeGroupSnapshot(askFor(of)) } : {}),
  };
}

function askFor({ groupSnapshotId, snapshots }: csi.VolumeGroupSnapshot) {
  return { groupSnapshotId, snapshotIds: snapshots.map(({ snapshotId }) => snapshotId) };
}

function poolsOf(place: { folder: string; pool: string }) {
  return ['--pool', `main=${place.pool}`, '--pool', `fast=${join(place.folder, 'fast')},limit=10Gi`];
}

function recover(pools: readonly string[], ...flags: readonly string[]): Report {
  const { code, stdout, stderr } = runDriver('recover', ...pools, '-o', 'json', ...flags);
  expect([code, stderr]).toEqual([0, '']);
  return JSON.parse(stdout) as Report;
}

const loseCatalog = (pool: string) => {
  for (const name of readdirSync(pool)) if (name.startsWith('catalog.db')) rmSync(join(pool, name));
};

test('a lost catalog is made anew from volumes and snapshots of every backend, in all pools', async () => {
  await using place = await imageFolder('btrfs');
  const pools = poolsOf(place);
  let driver = await startDriverProcess(place.folder, pools);
  const volumes: Record<string, string> = {};
  const classes = {
    directory: { pool: 'main' },
    image: { pool: 'fast', backend: 'image' },
    btrfs: { backend: 'btrfs' },
  };
  for (const [name, parameters] of Object.entries(classes)) {
    volumes[name] = await create(driver, `pvc-${name}`, { parameters });
    await withVolume(driver, volumes[name], (path) => writeFileSync(join(path, 'file'), name));
    await snapshot(driver, `snap-${name}`, volumes[name]);
  }
  const volumeContentSource = { volume: { volumeId: volumes['btrfs']! } };
  await create(driver, 'clone', { parameters: { backend: 'btrfs' }, volumeContentSource });
  const kept = { parameters: { pool: 'fast', onDelete: 'trash', trashTTL: '90d' } };
  const trashed = await create(driver, 'pvc-old', kept);
  await driver.controller.DeleteVolume({ volumeId: trashed });
  const renewed = await create(driver, 'pvc-old', kept);
  const range = { requiredBytes: String(128 * MiB), limitBytes: '0' };
  await driver.controller.ControllerExpandVolume({ volumeId: volumes['image']!, capacityRange: range });
  const { groupSnapshot } = await driver.groups.CreateVolumeGroupSnapshot({
    name: 'group',
    sourceVolumeIds: [volumes['btrfs']!, volumes['directory']!],
  });
  const before = await listed(driver, groupSnapshot!);
  expect([before.volumes.length, before.snapshots.length]).toEqual([5, 5]);
  await driver.kill();

  loseCatalog(place.pool);
  const refused = runDriver('--endpoint', place.endpoint, '--node-id', 'n1', ...pools);
  expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining('csi-driver recover --pool') });
  expect(runDriver('recover', '--help')).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('Give every --pool'),
  });
  expect(recover(pools, '--dry-run')).toMatchObject({ state: 'missing', written: false });
  expect(existsSync(join(place.pool, 'catalog.db'))).toBe(false);
  const report = recover(pools);
  expect(report).toMatchObject({ state: 'missing', written: true });
  expect(report.found.map(({ from }) => from)).toEqual(Array(11).fill('data'));
  // It knows the pools, too.
  const mistaken = runDriver('--endpoint', place.endpoint, '--node-id', 'n1', '--pool', `fast=${place.pool}`);
  expect(mistaken).toMatchObject({ code: 2, stderr: expect.stringContaining('"fast" is another one') });

  driver = await startDriverProcess(place.folder, pools);
  await using _driver = { [Symbol.asyncDispose]: () => driver[Symbol.asyncDispose]() };
  expect(await listed(driver, groupSnapshot!)).toEqual(before);
  expect(driver.log()).not.toMatch(/missing from the pool|does not know/);
  for (const [name, parameters] of Object.entries(classes)) {
    const again = await create(driver, `pvc-${name}`, {
      parameters,
      capacityRange: { requiredBytes: String(64 * MiB), limitBytes: '0' },
    });
    expect(again).toBe(volumes[name]);
    expect(await withVolume(driver, again, (path) => readFileSync(join(path, 'file'), 'utf8'))).toBe(name);
    const { snapshotId } = before.snapshots.find((one) => one.sourceVolumeId === again)!;
    const copy = await create(driver, `copy-${name}`, {
      parameters,
      capacityRange: { requiredBytes: String(128 * MiB), limitBytes: '0' },
      volumeContentSource: { snapshot: { snapshotId } },
    });
    expect(await withVolume(driver, copy, (path) => readFileSync(join(path, 'file'), 'utf8'))).toBe(name);
    await driver.controller.DeleteVolume({ volumeId: copy });
  }
  const trash = driver.connection.service(berthTrash);
  await expect(trash.Undelete({ volumeId: trashed })).rejects.toMatchObject({ code: 'ALREADY_EXISTS' });
  await driver.controller.DeleteVolume({ volumeId: renewed });
  expect((await trash.Undelete({ volumeId: trashed })).volume).toMatchObject({ volumeId: trashed, name: 'pvc-old' });
});

test('of a damaged catalog what can be read is kept, the file too; a running driver and a whole catalog stay as they are', async () => {
  await using place = await imageFolder();
  const pools = ['--pool', place.pool];
  const driver = await startDriverProcess(place.folder);
  const ids = [await create(driver, 'pvc-1'), await create(driver, 'pvc-2')];
  expect(runDriver('recover', ...pools)).toMatchObject({ code: 1, stderr: expect.stringContaining('in use') });
  await driver[Symbol.asyncDispose]();
  expect(recover(pools)).toMatchObject({ state: 'whole', written: false });

  const path = join(place.pool, 'catalog.db');
  const bytes = readFileSync(path);
  const at =
    bytes.indexOf('pvc-1directory') >= 0 ? bytes.indexOf('pvc-1directory') : bytes.indexOf('"backend":"directory"');
  writeFileSync(path, bytes.fill('X', at, at + 3));
  copyFileSync(path, join(place.folder, 'damaged'));
  const report = recover(pools);
  expect(report).toMatchObject({ state: 'damaged', written: true, keptAs: expect.stringContaining('.damaged-') });
  expect(report.found.map(({ id, from }) => [id, from]).sort()).toEqual(
    expect.arrayContaining([
      [expect.any(String), 'catalog'],
      [expect.any(String), 'data'],
    ]),
  );
  expect(readFileSync(report.keptAs!)).toEqual(readFileSync(join(place.folder, 'damaged')));
  await using again = await startDriverProcess(place.folder);
  expect((await listed(again)).volumes.map(({ volumeId }) => volumeId)).toEqual(ids.sort());
});

test('where volumes are published to is kept where the old catalog tells it, and is said again where it is lost', async () => {
  await using place = await imageFolder();
  const flags = ['--attach'];
  const pools = ['--pool', place.pool];
  let driver = await startDriverProcess(place.folder, flags);
  await using _driver = { [Symbol.asyncDispose]: () => driver[Symbol.asyncDispose]() };
  const [first, second] = [await create(driver, 'pvc-1'), await create(driver, 'pvc-2')];
  const publish = (volumeId: string) =>
    driver.controller.ControllerPublishVolume({ volumeId, nodeId: 'n1', volumeCapability });
  const published = async () =>
    (await driver.controller.ListVolumes({})).entries.flatMap(({ volume, status }) =>
      (status?.publishedNodeIds ?? []).map((node) => `${volume?.volumeId} ${node}`),
    );
  for (const volumeId of [first, second]) await publish(volumeId);
  const both = (await published()).sort();
  expect(both).toEqual([`${first} n1`, `${second} n1`].sort());
  await driver[Symbol.asyncDispose]();

  const path = join(place.pool, 'catalog.db');
  const bytes = readFileSync(path);
  const at = bytes.indexOf('"backend":"directory"');
  writeFileSync(path, bytes.fill('X', at, at + 3));
  expect(recover(pools)).toMatchObject({ state: 'damaged', written: true });
  driver = await startDriverProcess(place.folder, flags);
  expect((await published()).sort()).toEqual(both);
  await expect(driver.controller.DeleteVolume({ volumeId: first })).rejects.toMatchObject({
    code: 'FAILED_PRECONDITION',
  });
  await driver.kill();

  loseCatalog(place.pool);
  expect(recover(pools)).toMatchObject({ state: 'missing', written: true });
  driver = await startDriverProcess(place.folder, flags);
  expect(await published()).toEqual([]);
  // As an attacher does that finds them missing from ListVolumes; and as one that does not, when the pod is gone.
  await publish(first);
  await publish(first);
  expect(await published()).toEqual([`${first} n1`]);
  await driver.controller.ControllerUnpublishVolume({ volumeId: second, nodeId: 'n1' });
  await driver.controller.DeleteVolume({ volumeId: second });
});

test('what the data says of itself is not believed unchecked', async () => {
  await using place = await imageFolder();
  const pools = ['--pool', place.pool];
  const driver = await startDriverProcess(place.folder);
  const ids = [];
  for (let i = 0; i < 5; i++) ids.push(await create(driver, `pvc-${i}`));
  await driver.kill();
  loseCatalog(place.pool);
  const at = (id: string | undefined) => join(place.pool, 'volumes', id!);
  removeXattr(at(ids[0]), attribute);
  putXattr(at(ids[1]), attribute, Buffer.from('00000000{"version":1}'));
  // A pod that is root of the machine gave its volume another one's record.
  putXattr(at(ids[2]), attribute, getXattr(at(ids[3]), attribute)!);
  mkdirSync(join(place.pool, 'volumes', 'Not An Id'));
  const { found } = recover(pools);
  const reasons = Object.fromEntries(found.map(({ id, from, reason }) => [id, `${from} ${reason}`]));
  expect(reasons).toEqual({
    [ids[0]!]: expect.stringContaining('unplaced it has no record'),
    [ids[1]!]: expect.stringContaining('unplaced the record beside it is damaged'),
    [ids[2]!]: expect.stringContaining(`unplaced the record beside it is of "${ids[3]}"`),
    [ids[3]!]: 'data ',
    [ids[4]!]: 'data ',
    'Not An Id': expect.stringContaining('unplaced its name is no id'),
  });
  expect(readdirSync(join(place.pool, 'volumes'))).toHaveLength(6);
  expect(runDriver('recover', '--pool', join(place.folder, 'nowhere'))).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('there is no pool'),
  });
  expect(existsSync(join(place.folder, 'nowhere'))).toBe(false);
});
