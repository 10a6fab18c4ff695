import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { csi } from '@berth/protos';
import { expect, test } from 'vitest';
import { recover } from '../recover.ts';
import { aCapability, serviceHarness } from './service.harness.ts';

const code = (name: string) => expect.objectContaining({ code: name });

async function scene() {
  const h = serviceHarness();
  const volumes = [await h.createVolume('a'), await h.createVolume('b')];
  const sourceVolumeIds = volumes.map(({ volumeId }) => volumeId);
  const create = async (name: string, change: object = {}) => {
    const answer = await h.call('CreateVolumeGroupSnapshot')({ name, sourceVolumeIds, ...change });
    return answer['groupSnapshot'] as csi.VolumeGroupSnapshot;
  };
  const stored = () => readdirSync(join(h.pool, 'snapshots'));
  return Object.assign(h, { sourceVolumeIds, create, stored });
}

const idsOf = ({ snapshots }: csi.VolumeGroupSnapshot) => snapshots.map(({ snapshotId }) => snapshotId);

test('a group snapshot is one for each volume, of one time, idempotent whatever the order, and each fills a volume', async () => {
  await using h = await scene();
  for (const id of h.sourceVolumeIds) writeFileSync(join(h.pool, 'volumes', id, 'file'), id);
  const group = await h.create('g');
  expect(group).toMatchObject({
    readyToUse: true,
    snapshots: h.sourceVolumeIds.map((sourceVolumeId) => ({
      sourceVolumeId,
      groupSnapshotId: group.groupSnapshotId,
      creationTime: group.creationTime,
      readyToUse: true,
    })),
  });
  expect(await h.create('g')).toEqual(group);
  expect(await h.create('g', { sourceVolumeIds: h.sourceVolumeIds.toReversed() })).toEqual(group);
  const { groupSnapshotId } = group;
  const got = await h.call('GetVolumeGroupSnapshot')({ groupSnapshotId, snapshotIds: idsOf(group).toReversed() });
  expect(got['groupSnapshot']).toEqual(group);
  const snapshotId = idsOf(group)[1];
  const restored = await h.createVolume('c', { volumeContentSource: { snapshot: { snapshotId } } });
  expect(readFileSync(join(h.pool, 'volumes', restored.volumeId, 'file'), 'utf8')).toBe(h.sourceVolumeIds[1]);
  const listed = (await h.call('ListSnapshots')({}))['entries'] as { snapshot: csi.Snapshot }[];
  expect(listed.map(({ snapshot }) => snapshot.groupSnapshotId)).toEqual([groupSnapshotId, groupSnapshotId]);
});

const refused: Record<string, [change: (ids: string[]) => object, code: string]> = {
  'no name': [() => ({ name: '' }), 'INVALID_ARGUMENT'],
  'no volumes': [() => ({ sourceVolumeIds: [] }), 'INVALID_ARGUMENT'],
  'a volume twice': [(ids) => ({ sourceVolumeIds: [...ids, ids[0]] }), 'INVALID_ARGUMENT'],
  'a parameter': [() => ({ parameters: { consistency: 'none' } }), 'INVALID_ARGUMENT'],
  'an unknown volume': [(ids) => ({ sourceVolumeIds: [...ids, 'unknown'] }), 'NOT_FOUND'],
  'a path as an id': [(ids) => ({ sourceVolumeIds: [...ids, '../../etc'] }), 'NOT_FOUND'],
  'a name with a control character': [() => ({ name: '\u0001x/0' }), 'INVALID_ARGUMENT'],
};

for (const [what, [change, expected]] of Object.entries(refused)) {
  test(`CreateVolumeGroupSnapshot refuses ${what} and makes nothing`, async () => {
    await using h = await scene();
    await expect(h.create('g', change(h.sourceVolumeIds))).rejects.toEqual(code(expected));
    expect([h.stored(), h.context.catalog.groups.list(), h.context.catalog.snapshots.listAfter(0)]).toEqual([
      [],
      [],
      [],
    ]);
  });
}

test('directories in use cannot be of one moment: FAILED_PRECONDITION, and nothing is made', async () => {
  await using h = await scene();
  const [volumeId] = h.sourceVolumeIds;
  const stagingTargetPath = h.makeFolder('stage');
  await h.call('NodeStageVolume')({ volumeId, stagingTargetPath, volumeCapability: aCapability() });
  await expect(h.create('g')).rejects.toMatchObject({
    code: 'FAILED_PRECONDITION',
    message: expect.stringContaining(`${volumeId}`),
  });
  expect(h.stored()).toEqual([]);
});

test('other volumes under the same name are ALREADY_EXISTS', async () => {
  await using h = await scene();
  await h.create('g');
  await expect(h.create('g', { sourceVolumeIds: h.sourceVolumeIds.slice(1) })).rejects.toEqual(code('ALREADY_EXISTS'));
});

test('a member is deleted with its group only, and the group only with the right members', async () => {
  await using h = await scene();
  const group = await h.create('g');
  const { groupSnapshotId } = group;
  const [first, second] = idsOf(group) as [string, string];
  await expect(h.call('DeleteSnapshot')({ snapshotId: first })).rejects.toEqual(code('INVALID_ARGUMENT'));
  const other = await h.call('CreateSnapshot')({ name: 'other', sourceVolumeId: h.sourceVolumeIds[0] });
  const otherId = (other['snapshot'] as csi.Snapshot).snapshotId;
  for (const snapshotIds of [[], [first], [first, first], [first, otherId], [first, second, otherId]]) {
    for (const method of ['DeleteVolumeGroupSnapshot', 'GetVolumeGroupSnapshot']) {
      await expect(h.call(method)({ groupSnapshotId, snapshotIds })).rejects.toEqual(code('INVALID_ARGUMENT'));
    }
  }
  expect(h.stored()).toHaveLength(3);
  for (let i = 0; i < 2; i++)
    await h.call('DeleteVolumeGroupSnapshot')({ groupSnapshotId, snapshotIds: [second, first] });
  expect(h.stored()).toEqual([otherId]);
  expect(h.context.catalog.groups.list()).toEqual([]);
  await expect(h.call('GetVolumeGroupSnapshot')({ groupSnapshotId })).rejects.toEqual(code('NOT_FOUND'));
  await h.call('DeleteVolumeGroupSnapshot')({ groupSnapshotId: '../../etc', snapshotIds: [first] });
});

test('where one member fails, none stays', async () => {
  await using h = await scene();
  const failing = h.context.backends.forParameters({});
  const take = failing.snapshot.bind(failing);
  failing.snapshot = async (snapshotId, volume, signal) => {
    if (volume.id === h.sourceVolumeIds[1]) throw Object.assign(new Error('full'), { code: 'ENOSPC', errno: -28 });
    return await take(snapshotId, volume, signal);
  };
  await expect(h.create('g')).rejects.toEqual(code('RESOURCE_EXHAUSTED'));
  expect([h.stored(), h.context.catalog.groups.list(), h.context.catalog.snapshots.listAfter(0)]).toEqual([[], [], []]);
  failing.snapshot = take;
  expect((await h.create('g')).snapshots).toHaveLength(2);
});

for (const state of ['creating', 'deleting'] as const) {
  test(`a start undoes or finishes a group that a crash left ${state}`, async () => {
    await using h = await scene();
    const group = await h.create('g');
    const { catalog } = h.context;
    await catalog.groups.update(catalog.groups.find(group.groupSnapshotId)!, { state });
    await catalog.snapshots.update(catalog.snapshots.find(idsOf(group)[0]!)!, { state });
    await recover(h.context);
    expect([h.stored(), catalog.groups.list(), catalog.snapshots.listAfter(0)]).toEqual([[], [], []]);
  });
}
