import { existsSync, mkdtempSync, readdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { serviceHarness } from './service.harness.ts';

const code = (name: string, message = '') =>
  expect.objectContaining({ code: name, message: expect.stringContaining(message) });
const kept = (trashTTL = '1h') => ({ parameters: { onDelete: 'trash', trashTTL } });
const hour = 3_600_000;

type Harness = ReturnType<typeof serviceHarness>;

async function trashed(h: Harness): Promise<{ volume: { volumeId: string; name: string } }[]> {
  return (await h.call('ListTrash')({}))['entries'] as never;
}

async function deleted(h: Harness, name = 'pvc-1', ttl?: string): Promise<string> {
  const { volumeId } = await h.createVolume(name, kept(ttl));
  writeFileSync(join(h.pool, 'volumes', volumeId, 'file'), name);
  await h.call('DeleteVolume')({ volumeId });
  return volumeId;
}

test('a volume with onDelete=trash is gone for the CO, and comes back as it was', async () => {
  await using h = serviceHarness();
  const volumeId = await deleted(h);
  await h.call('DeleteVolume')({ volumeId });
  expect((await h.call('ListVolumes')({}))['entries']).toEqual([]);
  await expect(h.call('ControllerGetVolume')({ volumeId })).rejects.toEqual(code('NOT_FOUND'));
  expect(await trashed(h)).toMatchObject([{ volume: { volumeId, name: 'pvc-1', pool: 'default' } }]);
  const { volume } = await h.call('Undelete')({ volumeId });
  expect(volume).toMatchObject({ volumeId, name: 'pvc-1', segments: { 'topology.csi.berth.local/node': 'n1' } });
  expect(await h.call('Undelete')({ volumeId })).toEqual({ volume });
  expect(await trashed(h)).toEqual([]);
  expect(readdirSync(join(h.pool, 'volumes', volumeId))).toEqual(['file']);
  expect((await h.createVolume('pvc-1', kept())).volumeId).toBe(volumeId);
});

test('a deleted volume is removed for good when its time is over, and not before', async () => {
  await using h = serviceHarness();
  const first = await deleted(h, 'pvc-1', '1h');
  const second = await deleted(h, 'pvc-2', '2h');
  await h.clock.advance(hour - 1);
  expect(await trashed(h)).toHaveLength(2);
  await h.clock.advance(1);
  await expect.poll(() => h.context.catalog.trashed.find(first)).toBeUndefined();
  expect(existsSync(join(h.pool, 'volumes', first))).toBe(false);
  await expect(h.call('Undelete')({ volumeId: first })).rejects.toEqual(code('NOT_FOUND', 'removed for good'));
  expect(await trashed(h)).toMatchObject([{ volume: { volumeId: second } }]);
  expect(existsSync(join(h.pool, 'volumes', second, 'file'))).toBe(true);
});

test('Undelete of a volume whose removal is under way is NOT_FOUND already, not worth another try', async () => {
  await using h = serviceHarness();
  const volumeId = await deleted(h, 'pvc-1', '1h');
  // As the removal holds it, to its very end.
  using _removal = h.guard.claim(volumeId);
  await expect(h.call('Undelete')({ volumeId })).rejects.toEqual(code('ABORTED'));
  await h.clock.advance(hour);
  await expect(h.call('Undelete')({ volumeId })).rejects.toEqual(code('NOT_FOUND', 'removed for good'));
});

test('a start takes up where the process before ended', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'berth-csi-trash-'));
  const before = serviceHarness(folder, { keep: true });
  const over = await deleted(before, 'pvc-1', '1h');
  const left = await deleted(before, 'pvc-2', '2h');
  await before[Symbol.asyncDispose]();
  await using h = serviceHarness(folder, { laterMs: hour + 1 });
  await expect(h.call('Undelete')({ volumeId: over })).rejects.toEqual(code('NOT_FOUND'));
  await h.clock.advance(1);
  await expect.poll(() => readdirSync(join(h.pool, 'volumes'))).toEqual([left]);
  expect((await h.call('Undelete')({ volumeId: left }))['volume']).toMatchObject({ volumeId: left });
});

test('a name taken anew is not taken away: Undelete says whose it is', async () => {
  await using h = serviceHarness();
  const old = await deleted(h);
  const { volumeId } = await h.createVolume('pvc-1', kept());
  expect(volumeId).not.toBe(old);
  await expect(h.call('Undelete')({ volumeId: old })).rejects.toEqual(code('ALREADY_EXISTS', volumeId));
  await h.call('DeleteVolume')({ volumeId });
  expect(await trashed(h)).toHaveLength(2);
  await h.call('Undelete')({ volumeId: old });
  await expect(h.call('Undelete')({ volumeId })).rejects.toEqual(code('ALREADY_EXISTS', old));
});

test('snapshots of a volume in the trash are listed and can be restored', async () => {
  await using h = serviceHarness();
  const { volumeId } = await h.createVolume('pvc-1', kept());
  writeFileSync(join(h.pool, 'volumes', volumeId, 'file'), 'content');
  const { snapshot } = (await h.call('CreateSnapshot')({ name: 's', sourceVolumeId: volumeId })) as never as {
    snapshot: { snapshotId: string };
  };
  await h.call('DeleteVolume')({ volumeId });
  expect((await h.call('ListSnapshots')({ sourceVolumeId: volumeId }))['entries']).toHaveLength(1);
  const volumeContentSource = { snapshot: { snapshotId: snapshot.snapshotId } };
  const copy = await h.createVolume('pvc-2', { volumeContentSource });
  expect(readdirSync(join(h.pool, 'volumes', copy.volumeId))).toEqual(['file']);
  const clone = h.createVolume('pvc-3', { volumeContentSource: { volume: { volumeId } } });
  await expect(clone).rejects.toEqual(code('NOT_FOUND'));
});

for (const [what, parameters] of Object.entries({
  'another word': { onDelete: 'retain' },
  'a time without a trash': { trashTTL: '1h' },
  'a time of nothing': { onDelete: 'trash', trashTTL: '0s' },
  'a time without a unit': { onDelete: 'trash', trashTTL: '60' },
  'a time that is no time': { onDelete: 'trash', trashTTL: '1h; rm' },
  'a time without end': { onDelete: 'trash', trashTTL: '999999999d' },
})) {
  test(`CreateVolume refuses ${what} in onDelete and trashTTL`, async () => {
    await using h = serviceHarness();
    await expect(h.createVolume('pvc-1', { parameters })).rejects.toEqual(code('INVALID_ARGUMENT'));
  });
}

test('onDelete and trashTTL belong to what a volume is', async () => {
  await using h = serviceHarness();
  await h.createVolume('pvc-1', kept('1h'));
  await h.createVolume('pvc-1', kept('60m'));
  await expect(h.createVolume('pvc-1', kept('2h'))).rejects.toEqual(code('ALREADY_EXISTS', 'trashTTL'));
});

for (const volumeId of ['', '../x', 'unknown', 'a/b']) {
  test(`Undelete of "${volumeId}" changes nothing`, async () => {
    await using h = serviceHarness();
    await deleted(h);
    await expect(h.call('Undelete')({ volumeId })).rejects.toEqual(
      code(volumeId === '' ? 'INVALID_ARGUMENT' : 'NOT_FOUND'),
    );
    expect(await trashed(h)).toHaveLength(1);
  });
}

test('ListTrash pages, and refuses a token it did not give', async () => {
  await using h = serviceHarness();
  const ids = [await deleted(h, 'a'), await deleted(h, 'b'), await deleted(h, 'c')];
  const first = (await h.call('ListTrash')({ maxEntries: 2 })) as never as { entries: []; nextToken: string };
  expect(first.entries).toMatchObject(ids.slice(0, 2).map((volumeId) => ({ volume: { volumeId } })));
  const rest = await h.call('ListTrash')({ startingToken: first.nextToken });
  expect(rest).toMatchObject({ entries: [{ volume: { volumeId: ids[2] } }], nextToken: '' });
  await expect(h.call('ListTrash')({ startingToken: 'x' })).rejects.toEqual(code('ABORTED'));
});
