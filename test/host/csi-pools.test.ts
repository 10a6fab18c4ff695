import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { csi } from '@berth/protos';
import { expect, test } from 'vitest';
import { csictl } from '../../csictl/src/testing/run-csictl.ts';
import { type DriverProcess, driverFolder, runDriver, startDriverProcess } from '../harness/driver-process.ts';
import { capabilityOf } from '../harness/image-driver.ts';
import { mountSmallDisk } from '../harness/small-disk.ts';

const MiB = 1024 ** 2;
const GiB = 1024 ** 3;
const code = (name: string, message = '') =>
  expect.objectContaining({ code: name, message: expect.stringContaining(message) });
const node = { 'topology.csi.berth.local/node': 'n1' };
const inPool = (name: string) => ({ ...node, [`topology.csi.berth.local/pool-${name}`]: 'true' });

async function create({ controller }: DriverProcess, name: string, change: object = {}): Promise<csi.Volume> {
  const { volume } = await controller.CreateVolume({
    name,
    volumeCapabilities: [capabilityOf({ mount: {} })],
    capacityRange: { requiredBytes: String(MiB), limitBytes: '0' },
    ...change,
  });
  return volume!;
}

const sized = (bytes: number) => ({ capacityRange: { requiredBytes: String(bytes), limitBytes: '0' } });

async function capacity({ controller }: DriverProcess, parameters: Record<string, string>, segments?: object) {
  const { availableCapacity, maximumVolumeSize } = await controller.GetCapacity({
    volumeCapabilities: [],
    parameters,
    ...(segments ? { accessibleTopology: { segments: segments as Record<string, string> } } : {}),
  });
  return [Number(availableCapacity), Number(maximumVolumeSize?.value)];
}

test('volumes go to the pool of their class, or to the one with most room, and say so', async () => {
  using place = driverFolder();
  const [small, large] = [join(place.folder, 'small'), join(place.folder, 'large')];
  mountSmallDisk(small, '64m');
  mountSmallDisk(large, '256m');
  const pools = ['--pool', `small=${small}`, '--pool', `large=${large},backend=directory`];
  let driver = await startDriverProcess(place.folder, pools);
  await using _driver = { [Symbol.asyncDispose]: () => driver[Symbol.asyncDispose]() };
  const info = await driver.node.NodeGetInfo({});
  expect(info.accessibleTopology?.segments).toEqual({ ...inPool('small'), ...inPool('large') });

  const free = await create(driver, 'pvc-1');
  expect(free.accessibleTopology).toEqual([{ segments: inPool('large') }]);
  expect(readdirSync(join(large, 'volumes'))).toEqual([free.volumeId]);
  const asked = await create(driver, 'pvc-2', { parameters: { pool: 'small' } });
  expect(asked.accessibleTopology).toEqual([{ segments: inPool('small') }]);
  const image = await create(driver, 'pvc-3', { parameters: { backend: 'image' } });
  expect(image.accessibleTopology).toEqual([{ segments: inPool('small') }]);
  const accessibilityRequirements = { requisite: [{ segments: inPool('small') }], preferred: [] };
  const bound = await create(driver, 'pvc-4', { accessibilityRequirements });
  expect(bound.accessibleTopology).toEqual([{ segments: inPool('small') }]);
  const preferred = { requisite: [], preferred: [{ segments: inPool('small') }] };
  const wished = await create(driver, 'pvc-5', { accessibilityRequirements: preferred });
  expect(wished.accessibleTopology).toEqual([{ segments: inPool('small') }]);

  const no = (name: string, change: object) => create(driver, name, change);
  await expect(no('x', { parameters: { pool: 'other' } })).rejects.toEqual(code('INVALID_ARGUMENT', 'small, large'));
  const away = { parameters: { pool: 'large' }, accessibilityRequirements };
  await expect(no('x', away)).rejects.toEqual(code('RESOURCE_EXHAUSTED', 'pool-large'));
  await expect(no('pvc-1', { parameters: { pool: 'small' } })).rejects.toEqual(code('ALREADY_EXISTS', '"large"'));
  await expect(no('pvc-1', { accessibilityRequirements })).rejects.toEqual(code('ALREADY_EXISTS', '"large"'));
  const onlyImages = { parameters: { backend: 'image', pool: 'large' } };
  await expect(no('x', onlyImages)).rejects.toEqual(code('INVALID_ARGUMENT', 'are small'));

  const snapshotIn = async (name: string, segments: Record<string, string>) => {
    const accessibilityRequirements = { requisite: [{ segments }], preferred: [] };
    const request = { name, sourceVolumeId: asked.volumeId, accessibilityRequirements };
    return (await driver.controller.CreateSnapshot(request)).snapshot;
  };
  const snapshot = await snapshotIn('s', node);
  expect(snapshot?.accessibleTopology).toEqual([{ segments: inPool('small') }]);
  expect((await snapshotIn('s', info.accessibleTopology!.segments))?.accessibleTopology).toEqual([]);
  await expect(snapshotIn('s', inPool('large'))).rejects.toEqual(code('RESOURCE_EXHAUSTED', 'in the pool'));
  const volumeContentSource = { snapshot: { snapshotId: snapshot!.snapshotId } };
  expect((await create(driver, 'copy', { volumeContentSource })).accessibleTopology).toEqual(asked.accessibleTopology);
  const elsewhere = { volumeContentSource, parameters: { pool: 'large' } };
  await expect(no('y', elsewhere)).rejects.toEqual(code('INVALID_ARGUMENT', '"pool" = "small"'));

  await driver.kill();
  driver = await startDriverProcess(place.folder, pools);
  expect(await create(driver, 'pvc-1')).toEqual(free);
  const { entries } = await driver.controller.ListVolumes({ maxEntries: 0, startingToken: '' });
  expect(entries.map(({ volume }) => volume?.accessibleTopology)).toContainEqual([{ segments: inPool('large') }]);
  await driver.controller.DeleteVolume({ volumeId: free.volumeId });
  expect(readdirSync(join(large, 'volumes'))).toEqual([]);
  expect(driver.log()).not.toMatch(/does not know|missing from the pool/);
});

test('GetCapacity is true for each segment: reservations, limits and over-commit are in it', async () => {
  using place = driverFolder();
  const [small, large] = [join(place.folder, 'small'), join(place.folder, 'large')];
  mountSmallDisk(small, '64m');
  mountSmallDisk(large, '256m');
  const pools = ['--pool', `small=${small},overcommit=1.5`, '--pool', `large=${large},limit=200Mi`];
  let driver = await startDriverProcess(place.folder, pools);
  await using _driver = { [Symbol.asyncDispose]: () => driver[Symbol.asyncDispose]() };
  const both = { ...inPool('small'), ...inPool('large') };
  const [available, largest] = await capacity(driver, {}, both);
  expect(largest).toBe(200 * MiB);
  expect(available).toBeGreaterThan(200 * MiB);
  expect(available).toBeLessThan(264 * MiB);
  expect((await capacity(driver, {}, inPool('small')))[0]).toBeLessThan(64 * MiB);
  expect(await capacity(driver, { pool: 'large' }, inPool('small'))).toEqual([0, 0]);
  expect(await capacity(driver, {}, { ...node, 'topology.csi.berth.local/pool-none': 'true' })).toEqual([0, 0]);

  const thin = { parameters: { backend: 'image', pool: 'large' } };
  expect((await capacity(driver, thin.parameters))[1]).toBe(400 * MiB);
  await create(driver, 'thin', { ...thin, ...sized(100 * MiB) });
  expect((await capacity(driver, thin.parameters))[1]).toBe(300 * MiB);
  expect((await capacity(driver, { pool: 'large' }))[1]).toBe(150 * MiB);
  const full = { parameters: { ...thin.parameters, provisioning: 'reserved' } };
  const { volumeId } = await create(driver, 'full', { ...full, ...sized(50 * MiB) });
  expect((await capacity(driver, { pool: 'large' }))[1]).toBe(100 * MiB);
  const grown = driver.controller.ControllerExpandVolume({ volumeId, ...sized(151 * MiB) });
  await expect(grown).rejects.toEqual(code('OUT_OF_RANGE', 'limit'));
  await driver.controller.ControllerExpandVolume({ volumeId, ...sized(60 * MiB) });
  expect((await capacity(driver, { pool: 'large' }))[1]).toBe(90 * MiB);

  await driver.kill();
  driver = await startDriverProcess(place.folder, pools);
  expect((await capacity(driver, { pool: 'large' }))[1]).toBe(90 * MiB);
  await driver.controller.DeleteVolume({ volumeId });
  expect((await capacity(driver, { pool: 'large' }))[1]).toBe(150 * MiB);
});

test("snapshots count against a pool's limit, also after kill -9, and give back what they had", async () => {
  using place = driverFolder();
  const pools = ['--pool', `main=${join(place.folder, 'pool')},limit=10Mi`];
  let driver = await startDriverProcess(place.folder, pools);
  await using _driver = { [Symbol.asyncDispose]: () => driver[Symbol.asyncDispose]() };
  const { volumeId: sourceVolumeId } = await create(driver, 'pvc-1', sized(3 * MiB));
  const snapshot = async (name: string) =>
    (await driver.controller.CreateSnapshot({ name, sourceVolumeId })).snapshot!.snapshotId;
  const left = async () => (await capacity(driver, {}))[1]! / MiB;
  const [first] = [await snapshot('s1'), await snapshot('s2')];
  expect(await left()).toBe(1);
  const refused = code('RESOURCE_EXHAUSTED', 'are in snapshots');
  await expect(snapshot('s3')).rejects.toEqual(refused);
  const group = () => driver.groups.CreateVolumeGroupSnapshot({ name: 'g', sourceVolumeIds: [sourceVolumeId] });
  await expect(group()).rejects.toEqual(refused);
  await expect(create(driver, 'pvc-2', sized(2 * MiB))).rejects.toEqual(refused);
  expect(await left()).toBe(1);
  await driver.kill();
  driver = await startDriverProcess(place.folder, pools);
  expect(await left()).toBe(1);
  await driver.controller.DeleteSnapshot({ snapshotId: first });
  expect(await left()).toBe(4);
  const { groupSnapshot } = await group();
  expect(await left()).toBe(1);
  const { groupSnapshotId, snapshots } = groupSnapshot!;
  const snapshotIds = snapshots.map(({ snapshotId }) => snapshotId);
  await driver.groups.DeleteVolumeGroupSnapshot({ groupSnapshotId, snapshotIds });
  expect(await left()).toBe(4);
});

test('thin volumes made at once do not pass the over-commit together, and the refusal says the numbers', async () => {
  using place = driverFolder();
  const pools = ['--pool', `main=${join(place.folder, 'pool')},limit=4Gi,overcommit=2`];
  await using driver = await startDriverProcess(place.folder, pools);
  const thin = { parameters: { backend: 'image' }, ...sized(GiB) };
  const results = await Promise.allSettled(Array.from({ length: 20 }, (_, i) => create(driver, `pvc-${i}`, thin)));
  const made = results.filter((result) => result.status === 'fulfilled');
  expect(made).toHaveLength(8);
  expect(results.find((result) => result.status === 'rejected')).toMatchObject({
    reason: {
      code: 'RESOURCE_EXHAUSTED',
      message: expect.stringMatching(
        new RegExp(`asks for ${GiB} bytes.*limit is ${4 * GiB} bytes.*${8 * GiB} thin.*over-commit 2.*raise limit=`),
      ),
    },
  });
  const [one] = made;
  await driver.controller.DeleteVolume({ volumeId: (one as PromiseFulfilledResult<csi.Volume>).value.volumeId });
  await create(driver, 'again', thin);
  await expect(create(driver, 'one more', thin)).rejects.toEqual(code('RESOURCE_EXHAUSTED'));
});

test('a pool that was a directory alone gets a name, and what it holds stays', async () => {
  using place = driverFolder();
  const pool = join(place.folder, 'pool');
  let driver = await startDriverProcess(place.folder);
  await using _driver = { [Symbol.asyncDispose]: () => driver[Symbol.asyncDispose]() };
  const old = await create(driver, 'pvc-1');
  expect(old.accessibleTopology).toEqual([{ segments: node }]);
  await driver[Symbol.asyncDispose]();
  const fast = `fast=${join(place.folder, 'fast')}`;
  driver = await startDriverProcess(place.folder, ['--pool', `main=${pool}`, '--pool', fast]);
  expect(await create(driver, 'pvc-1')).toMatchObject({ volumeId: old.volumeId });
  await create(driver, 'pvc-2', { parameters: { pool: 'fast' } });
  await driver[Symbol.asyncDispose]();

  const start = (...pools: string[]) =>
    runDriver('--endpoint', place.endpoint, '--node-id', 'n1', ...pools.flatMap((one) => ['--pool', one]));
  expect(start(fast, `main=${pool}`)).toMatchObject({
    code: 2,
    stderr: expect.stringContaining(`the catalog is in ${pool}; give --pool main=${pool} first`),
  });
  expect(start(`main=${pool}`, `sub=${pool}/sub`)).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('in one'),
  });
  expect(start(`main=${pool},backend=zfs`)).toMatchObject({ code: 2, stderr: expect.stringContaining('"zfs"') });
  // Without its pool a volume waits for it, and the others go on.
  driver = await startDriverProcess(place.folder, ['--pool', `main=${pool}`]);
  const { entries } = await driver.controller.ListVolumes({ maxEntries: 0, startingToken: '' });
  expect(entries).toHaveLength(2);
  const away = entries.find(({ volume }) => volume?.volumeId !== old.volumeId)?.volume?.volumeId ?? '';
  const deleted = driver.controller.DeleteVolume({ volumeId: away });
  await expect(deleted).rejects.toEqual(code('FAILED_PRECONDITION', 'pool "fast"'));
  await driver.controller.DeleteVolume({ volumeId: old.volumeId });
});

test('a pool has one driver, also where it is not the one with the catalog', async () => {
  using place = driverFolder();
  const [a, b, c] = ['a', 'b', 'c'].map((name) => join(place.folder, name)) as [string, string, string];
  await using _driver = await startDriverProcess(place.folder, ['--pool', `a=${a}`, '--pool', `b=${b}`]);
  const other = ['--endpoint', `unix://${place.folder}/other.sock`, '--node-id', 'n1'];
  const result = runDriver(...other, '--pool', `c=${c}`, '--pool', `b=${b}`);
  expect(result).toMatchObject({ code: 1, stderr: expect.stringContaining('another csi-driver runs on') });
  expect(existsSync(join(c, 'catalog.db'))).toBe(false);
});

test('csictl undelete lists the trash, restores a volume and writes the PersistentVolume to make', async () => {
  using place = driverFolder();
  const pools = ['--pool', `main=${join(place.folder, 'pool')}`];
  let driver = await startDriverProcess(place.folder, pools);
  await using _driver = { [Symbol.asyncDispose]: () => driver[Symbol.asyncDispose]() };
  const parameters = { onDelete: 'trash', trashTTL: '1h', backend: 'image' };
  const { volumeId } = await create(driver, 'pvc-1', { parameters, ...sized(16 * MiB) });
  await driver.controller.DeleteVolume({ volumeId });
  const run = (...argv: string[]) => csictl('--endpoint', place.endpoint, ...argv);
  await driver.kill();
  driver = await startDriverProcess(place.folder, pools);
  expect((await run('undelete')).out).toMatch(new RegExp(`${volumeId}.*pvc-1.*16`));
  expect(JSON.parse((await run('undelete', '-o', 'json')).out)).toMatchObject([{ volume: volumeId, pool: 'main' }]);
  expect(await run('undelete', 'unknown')).toMatchObject({
    exitCode: 3,
    err: expect.stringMatching(/trash.*\nhint: /),
  });
  const restored = await run('undelete', volumeId);
  expect(restored).toMatchObject({ exitCode: 0, err: expect.stringContaining('kubectl apply -f -') });
  expect(restored.out).toMatch(/kind: PersistentVolume/);
  const { persistentVolume } = JSON.parse((await run('undelete', volumeId, '-o', 'json')).out);
  expect(persistentVolume).toMatchObject({
    metadata: { name: 'pvc-1' },
    spec: {
      capacity: { storage: '16Mi' },
      persistentVolumeReclaimPolicy: 'Retain',
      csi: { driver: 'csi.berth.local', volumeHandle: volumeId },
    },
  });
  const terms = persistentVolume.spec.nodeAffinity.required.nodeSelectorTerms[0].matchExpressions;
  expect(terms.map(({ key }: { key: string }) => key)).toEqual(Object.keys(inPool('main')));
  expect((await create(driver, 'pvc-1', { parameters, ...sized(16 * MiB) })).volumeId).toBe(volumeId);
  expect((await run('undelete')).err).toBe('nothing found\n');
});
