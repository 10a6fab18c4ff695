import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { aCapability, serviceHarness } from './service.harness.ts';

const code = (name: string) => expect.objectContaining({ code: name });

interface Snapshot {
  readonly snapshotId: string;
  readonly sourceVolumeId: string;
  readonly readyToUse: boolean;
}

function scene() {
  const h = serviceHarness();
  const snapshot = async (name: string, sourceVolumeId: string) => {
    const answer = await h.call('CreateSnapshot')({ name, sourceVolumeId });
    return answer['snapshot'] as Snapshot;
  };
  const list = async (change: object = {}) => {
    const { entries, nextToken } = (await h.call('ListSnapshots')(change)) as never as {
      entries: { snapshot: Snapshot }[];
      nextToken?: string;
    };
    return { ids: entries.map((entry) => entry.snapshot.snapshotId), nextToken: nextToken ?? '' };
  };
  const write = (volumeId: string, text: string) => writeFileSync(join(h.pool, 'volumes', volumeId, 'file'), text);
  const read = (volumeId: string) => readFileSync(join(h.pool, 'volumes', volumeId, 'file'), 'utf8');
  return Object.assign(h, { snapshot, list, write, read });
}

const from = {
  snapshot: (snapshotId: string) => ({ volumeContentSource: { snapshot: { snapshotId } } }),
  volume: (volumeId: string) => ({ volumeContentSource: { volume: { volumeId } } }),
};

test('a snapshot keeps what its volume loses, also when the volume is deleted, and fills new volumes', async () => {
  await using h = scene();
  const { volumeId } = await h.createVolume('pvc-1');
  h.write(volumeId, 'before');
  const { snapshotId, sourceVolumeId, readyToUse } = await h.snapshot('snap', volumeId);
  expect({ sourceVolumeId, readyToUse }).toEqual({ sourceVolumeId: volumeId, readyToUse: true });
  h.write(volumeId, 'after');
  expect((await h.snapshot('snap', volumeId)).snapshotId).toBe(snapshotId);
  await h.call('DeleteVolume')({ volumeId });
  const restored = await h.createVolume('pvc-2', from.snapshot(snapshotId));
  expect(h.read(restored.volumeId)).toBe('before');
  expect(restored).toMatchObject({
    contentSource: { snapshot: { snapshotId } },
    volumeContext: { 'csi.berth.local/copied-by': expect.stringMatching(/^(reflink|copy)$/) },
  });
  await h.call('DeleteSnapshot')({ snapshotId });
  await h.call('DeleteSnapshot')({ snapshotId });
  expect(h.read(restored.volumeId)).toBe('before');
  expect(readdirSync(join(h.pool, 'snapshots'))).toEqual([]);
});

test('a clone has the content and the size of its source, or a larger one; never a smaller', async () => {
  await using h = scene();
  const { volumeId, capacityBytes } = await h.createVolume('pvc-1', {
    capacityRange: { requiredBytes: '5000', limitBytes: '0' },
  });
  h.write(volumeId, 'shared');
  const clone = await h.createVolume('pvc-2', from.volume(volumeId));
  expect([h.read(clone.volumeId), clone.capacityBytes]).toEqual(['shared', capacityBytes]);
  expect(clone.contentSource).toEqual({ volume: { volumeId } });
  const sized = (requiredBytes: string, limitBytes = '0') => ({
    ...from.volume(volumeId),
    capacityRange: { requiredBytes, limitBytes },
  });
  expect((await h.createVolume('pvc-3', sized('9000'))).capacityBytes).toBe('9000');
  await expect(h.createVolume('pvc-4', sized('4000'))).rejects.toEqual(code('OUT_OF_RANGE'));
  await expect(h.createVolume('pvc-4', sized('0', '4000'))).rejects.toEqual(code('OUT_OF_RANGE'));
  expect(readdirSync(join(h.pool, 'volumes'))).toHaveLength(3);
});

const refused: Record<string, [change: object, code: string]> = {
  'a source that names nothing': [{ volumeContentSource: {} }, 'INVALID_ARGUMENT'],
  'an unknown snapshot': [from.snapshot('unknown'), 'NOT_FOUND'],
  'a snapshot id that is a path': [from.snapshot('../volumes'), 'NOT_FOUND'],
  'an unknown volume': [from.volume('unknown'), 'NOT_FOUND'],
  'a backend there is not': [{ parameters: { backend: 'zfs' } }, 'INVALID_ARGUMENT'],
};

for (const [what, [change, expected]] of Object.entries(refused)) {
  test(`CreateVolume refuses ${what} and makes nothing`, async () => {
    await using h = scene();
    await expect(h.createVolume('pvc-1', change)).rejects.toEqual(code(expected));
    expect(readdirSync(join(h.pool, 'volumes'))).toEqual([]);
    expect(h.context.catalog.listAfter(0)).toEqual([]);
  });
}

test('the same name with another source is ALREADY_EXISTS, for volumes and for snapshots', async () => {
  await using h = scene();
  const [a, b] = [await h.createVolume('a'), await h.createVolume('b')];
  await h.createVolume('c', from.volume(a.volumeId));
  await h.createVolume('c', from.volume(a.volumeId));
  await expect(h.createVolume('c', from.volume(b.volumeId))).rejects.toEqual(code('ALREADY_EXISTS'));
  await expect(h.createVolume('c')).rejects.toEqual(code('ALREADY_EXISTS'));
  await h.snapshot('snap', a.volumeId);
  await expect(h.snapshot('snap', b.volumeId)).rejects.toEqual(code('ALREADY_EXISTS'));
  await expect(h.snapshot('other', 'unknown')).rejects.toEqual(code('NOT_FOUND'));
});

test('CreateSnapshot tells where the snapshot is usable from, unless that alone was asked for', async () => {
  await using h = scene();
  const { volumeId: sourceVolumeId } = await h.createVolume('pvc-1');
  const here = { segments: { 'topology.csi.berth.local/node': 'n1' } };
  const elsewhere = { segments: { 'topology.csi.berth.local/node': 'n2' } };
  const told = async (name: string, requisite?: object[]) => {
    const accessibilityRequirements = requisite && { requisite, preferred: [] };
    const request = { name, sourceVolumeId, ...(requisite ? { accessibilityRequirements } : {}) };
    const { snapshot } = (await h.call('CreateSnapshot')(request)) as never as { snapshot: object };
    return (snapshot as { accessibleTopology: object[] }).accessibleTopology;
  };
  expect(await told('anywhere')).toEqual([here]);
  // A CO may put volumes anywhere that it is told nothing of.
  expect(await told('either', [elsewhere, here])).toEqual([here]);
  expect(await told('here', [here])).toEqual([]);
  await expect(told('elsewhere', [elsewhere])).rejects.toEqual(code('RESOURCE_EXHAUSTED'));
  const { entries } = (await h.call('ListSnapshots')({})) as never as { entries: { snapshot: object }[] };
  expect(entries.map(({ snapshot }) => (snapshot as { accessibleTopology: object[] }).accessibleTopology)).toEqual(
    Array(3).fill([here]),
  );
});

test('ListSnapshots pages, filters by volume and by id, and answers an empty list for what is unknown', async () => {
  await using h = scene();
  const [a, b] = [await h.createVolume('a'), await h.createVolume('b')];
  const ids: string[] = [];
  for (const [index, { volumeId }] of [a, b, a, b, a].entries())
    ids.push((await h.snapshot(`s${index}`, volumeId)).snapshotId);
  const first = await h.list({ maxEntries: 2 });
  expect(first.ids).toEqual(ids.slice(0, 2));
  await h.call('DeleteSnapshot')({ snapshotId: ids[1] });
  const second = await h.list({ maxEntries: 2, startingToken: first.nextToken });
  expect(second.ids).toEqual(ids.slice(2, 4));
  expect(await h.list({ maxEntries: 2, startingToken: second.nextToken })).toEqual({
    ids: ids.slice(4),
    nextToken: '',
  });
  expect((await h.list({ sourceVolumeId: b.volumeId })).ids).toEqual([ids[3]]);
  expect((await h.list({ sourceVolumeId: a.volumeId, maxEntries: 2 })).nextToken).not.toBe('');
  expect((await h.list({ snapshotId: ids[0] })).ids).toEqual([ids[0]]);
  expect((await h.list({ snapshotId: 'unknown' })).ids).toEqual([]);
  expect((await h.list({ sourceVolumeId: 'unknown' })).ids).toEqual([]);
  await expect(h.list({ startingToken: 'x' })).rejects.toEqual(code('ABORTED'));
  expect(await h.call('GetSnapshot')({ snapshotId: ids[0] })).toMatchObject({ snapshot: { snapshotId: ids[0] } });
  await expect(h.call('GetSnapshot')({ snapshotId: ids[1] })).rejects.toEqual(code('NOT_FOUND'));
});

test('many clones of one volume at once are made beside each other; deleting it meanwhile is ABORTED', async () => {
  await using h = scene();
  const { volumeId } = await h.createVolume('pvc-1');
  for (let i = 0; i < 50; i++) writeFileSync(join(h.pool, 'volumes', volumeId, `f${i}`), String(i));
  const clones = Array.from({ length: 8 }, (_, i) => h.createVolume(`clone-${i}`, from.volume(volumeId)));
  // In each turn: between two looks of a poll all of them may be made.
  while (readdirSync(join(h.pool, 'volumes')).length < 2) await new Promise((resolve) => setImmediate(resolve));
  await expect(h.call('DeleteVolume')({ volumeId })).rejects.toEqual(code('ABORTED'));
  for (const clone of await Promise.all(clones)) {
    expect(readdirSync(join(h.pool, 'volumes', clone.volumeId))).toHaveLength(50);
  }
  await h.call('DeleteVolume')({ volumeId });
});

test('a call that is given up is taken up again by its repetition', async () => {
  await using h = scene();
  const { volumeId } = await h.createVolume('pvc-1');
  h.write(volumeId, 'content');
  const request = { name: 'pvc-2', volumeCapabilities: [aCapability()], ...from.volume(volumeId) };
  const caller = new AbortController();
  const first = h.call('CreateVolume', caller.signal)(request);
  await expect.poll(() => h.context.catalog.findByName('pvc-2')).toBeDefined();
  caller.abort(new Error('gone'));
  await first.catch(() => undefined);
  const again = (await h.call('CreateVolume')(request))['volume'] as { volumeId: string };
  expect(h.read(again.volumeId)).toBe('content');
  expect(readdirSync(join(h.pool, 'volumes')).sort()).toEqual([again.volumeId, volumeId].sort());
});
