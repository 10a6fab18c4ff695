import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { csi } from '@berth/protos';
import { expect, test } from 'vitest';
import { aCapability, serviceHarness } from './service.harness.ts';

const code = (name: string) => expect.objectContaining({ code: name });

function scene() {
  const h = serviceHarness();
  const health = async (volumeId: string, method = 'ControllerGetVolumeHealth') => {
    const { volumeHealth } = await h.call(method)({ volumeId });
    return (volumeHealth as csi.VolumeHealth).healthStatuses.map(({ status, reason }) => `${status} ${reason}`);
  };
  const list = async (request: object = {}) => {
    const { entries, nextToken } = (await h.call('ControllerListVolumeHealth')(request)) as never as {
      entries: csi.VolumeHealth[];
      nextToken?: string;
    };
    return { ids: entries.map(({ volumeId }) => volumeId), nextToken: nextToken ?? '' };
  };
  const lose = (id: string) => rmSync(join(h.pool, 'volumes', id), { recursive: true });
  return Object.assign(h, { health, list, lose });
}

test('a volume with nothing wrong has an empty list, and is in no list of such volumes', async () => {
  await using h = scene();
  const { volumeId } = await h.createVolume('a');
  expect(await h.health(volumeId)).toEqual([]);
  expect(await h.health(volumeId, 'NodeGetVolumeHealth')).toEqual([]);
  expect(await h.list()).toEqual({ ids: [], nextToken: '' });
});

test('a volume whose data is missing, or is no directory any more, is DATA_LOSS everywhere, until it is back', async () => {
  await using h = scene();
  const { volumeId } = await h.createVolume('a');
  const path = join(h.pool, 'volumes', volumeId);
  renameSync(path, `${path}-away`);
  expect(await h.health(volumeId)).toEqual(['DATA_LOSS DataMissing']);
  expect(await h.health(volumeId, 'NodeGetVolumeHealth')).toEqual(['DATA_LOSS DataMissing']);
  expect((await h.list()).ids).toEqual([volumeId]);
  writeFileSync(path, '');
  expect(await h.health(volumeId)).toEqual(['DATA_LOSS DataMissing']);
  rmSync(path);
  renameSync(`${path}-away`, path);
  expect(await h.health(volumeId)).toEqual([]);
});

for (const method of ['ControllerGetVolumeHealth', 'NodeGetVolumeHealth']) {
  test(`${method} of no volume, and with paths that are none, is refused`, async () => {
    await using h = scene();
    await expect(h.health('', method)).rejects.toEqual(code('INVALID_ARGUMENT'));
    await expect(h.health('unknown', method)).rejects.toEqual(code('NOT_FOUND'));
    await expect(h.health('../../etc', method)).rejects.toEqual(code('NOT_FOUND'));
  });
}

test('NodeGetVolumeHealth takes absolute paths only, and a volume that is not there is fine', async () => {
  await using h = scene();
  const { volumeId } = await h.createVolume('a');
  const ask = (change: object) => h.call('NodeGetVolumeHealth')({ volumeId, ...change });
  await expect(ask({ stagingTargetPath: 'relative' })).rejects.toEqual(code('INVALID_ARGUMENT'));
  await expect(ask({ volumePublishPath: '/a/../b' })).rejects.toEqual(code('INVALID_ARGUMENT'));
  const stagingTargetPath = h.makeFolder('stage');
  const healthy = { volumeHealth: { volumeId, healthStatuses: [] } };
  expect(await ask({ stagingTargetPath, volumePublishPath: '/not/there' })).toEqual(healthy);
  await h.call('NodeStageVolume')({ volumeId, stagingTargetPath, volumeCapability: aCapability() });
  expect(await ask({ stagingTargetPath })).toEqual(healthy);
});

test('ControllerListVolumeHealth pages as asked and refuses what is no page', async () => {
  await using h = scene();
  const ids: string[] = [];
  for (const name of ['a', 'b', 'c', 'd', 'e']) ids.push((await h.createVolume(name)).volumeId);
  for (const index of [1, 2, 4]) h.lose(ids[index] ?? '');
  expect(await h.list()).toEqual({ ids: [ids[1], ids[2], ids[4]], nextToken: '' });
  const first = await h.list({ maxEntries: 2 });
  expect(first.ids).toEqual([ids[1], ids[2]]);
  const second = await h.list({ maxEntries: 2, startingToken: first.nextToken });
  expect(second).toEqual({ ids: [ids[4]], nextToken: '' });
  await expect(h.list({ maxEntries: -1 })).rejects.toEqual(code('INVALID_ARGUMENT'));
  await expect(h.list({ startingToken: 'x' })).rejects.toEqual(code('ABORTED'));
});
