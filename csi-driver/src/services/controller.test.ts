import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { aCapability, serviceHarness } from './service.harness.ts';

const code = (name: string) => expect.objectContaining({ code: name });
const GiB = String(1024 ** 3);

test('CreateVolume makes a directory and answers with size, topology and what is not enforced', async () => {
  await using h = serviceHarness();
  const volume = await h.createVolume('pvc-1', { capacityRange: { requiredBytes: GiB, limitBytes: '0' } });
  expect(volume).toMatchObject({
    capacityBytes: GiB,
    volumeContext: { 'csi.berth.local/size-enforced': 'false' },
    accessibleTopology: [{ segments: { 'topology.csi.berth.local/node': 'n1' } }],
  });
  expect(volume.volumeId).toMatch(/^[a-z0-9-]{1,64}$/);
  expect(readdirSync(join(h.pool, 'volumes'))).toEqual([volume.volumeId]);
});

test('CreateVolume called again gives the same volume, with another size ALREADY_EXISTS', async () => {
  await using h = serviceHarness();
  const first = await h.createVolume('pvc-1', { capacityRange: { requiredBytes: GiB, limitBytes: '0' } });
  expect(await h.createVolume('pvc-1', { capacityRange: { requiredBytes: GiB, limitBytes: '0' } })).toEqual(first);
  const larger = { capacityRange: { requiredBytes: String(2 * 1024 ** 3), limitBytes: '0' } };
  await expect(h.createVolume('pvc-1', larger)).rejects.toEqual(code('ALREADY_EXISTS'));
});

test('two CreateVolume of one name at once: one is ABORTED, one volume is made', async () => {
  await using h = serviceHarness();
  const results = await Promise.allSettled([h.createVolume('pvc-1'), h.createVolume('pvc-1')]);
  expect(results.map((result) => result.status).sort()).toEqual(['fulfilled', 'rejected']);
  expect(results.find((result) => result.status === 'rejected')).toMatchObject({ reason: { code: 'ABORTED' } });
  expect(readdirSync(join(h.pool, 'volumes'))).toHaveLength(1);
});

const refused: Record<string, [request: object, code: string]> = {
  'no name': [{ name: '' }, 'INVALID_ARGUMENT'],
  'a name of 129 bytes': [{ name: 'é'.repeat(64) + 'x' }, 'INVALID_ARGUMENT'],
  'a control character in the name': [{ name: 'a\u0007b' }, 'INVALID_ARGUMENT'],
  'no capability': [{ volumeCapabilities: [] }, 'INVALID_ARGUMENT'],
  'a block volume': [
    { volumeCapabilities: [{ block: {}, accessMode: { mode: 'SINGLE_NODE_WRITER' } }] },
    'INVALID_ARGUMENT',
  ],
  'an access mode of several nodes': [
    { volumeCapabilities: [aCapability('MULTI_NODE_MULTI_WRITER')] },
    'INVALID_ARGUMENT',
  ],
  'a filesystem the pool is not on': [
    { volumeCapabilities: [aCapability('SINGLE_NODE_WRITER', { fsType: 'ext4 -F /dev/sda' })] },
    'INVALID_ARGUMENT',
  ],
  'a mount flag a bind has not': [
    { volumeCapabilities: [aCapability('SINGLE_NODE_WRITER', { mountFlags: ['context=x'] })] },
    'INVALID_ARGUMENT',
  ],
  'a negative size': [{ capacityRange: { requiredBytes: '-1', limitBytes: '0' } }, 'INVALID_ARGUMENT'],
  'a limit below the size': [{ capacityRange: { requiredBytes: '5', limitBytes: '4' } }, 'INVALID_ARGUMENT'],
  'more than a number holds': [
    { capacityRange: { requiredBytes: '9223372036854775807', limitBytes: '0' } },
    'OUT_OF_RANGE',
  ],
  'more than the pool has': [
    { capacityRange: { requiredBytes: String(2 ** 52), limitBytes: '0' } },
    'RESOURCE_EXHAUSTED',
  ],
  'an unknown parameter': [{ parameters: { sizeEnforced: 'true' } }, 'INVALID_ARGUMENT'],
  'parameters of more than 4 KiB': [{ parameters: { 'x/y': 'z'.repeat(4096) } }, 'INVALID_ARGUMENT'],
  'an unknown source': [{ volumeContentSource: { volume: { volumeId: 'v' } } }, 'NOT_FOUND'],
  'another node': [
    {
      accessibilityRequirements: {
        requisite: [{ segments: { 'topology.csi.berth.local/node': 'n2' } }],
        preferred: [],
      },
    },
    'RESOURCE_EXHAUSTED',
  ],
};

for (const [what, [change, expected]] of Object.entries(refused)) {
  test(`CreateVolume refuses ${what} and makes nothing`, async () => {
    await using h = serviceHarness();
    await expect(h.createVolume('pvc-1', change)).rejects.toEqual(code(expected));
    expect(readdirSync(join(h.pool, 'volumes'))).toEqual([]);
    expect(h.context.catalog.listAfter(0)).toEqual([]);
  });
}

test('CreateVolume ignores parameters of the CO, known by their prefix', async () => {
  await using h = serviceHarness();
  const volume = await h.createVolume('pvc-1', { parameters: { 'csi.storage.example/pvc/name': 'www' } });
  expect(volume.volumeId).not.toBe('');
});

test('DeleteVolume moves the data out of reach, then removes it; again is fine', async () => {
  await using h = serviceHarness();
  const { volumeId } = await h.createVolume('pvc-1');
  await h.call('DeleteVolume')({ volumeId });
  await h.call('DeleteVolume')({ volumeId });
  expect(existsSync(join(h.pool, 'volumes', volumeId))).toBe(false);
  await h.trash.emptied();
  expect(readdirSync(join(h.pool, 'trash'))).toEqual([]);
});

for (const volumeId of ['../..', '/etc', 'a/../../b', '..%2f', 'a\\..\\b', 'unknown']) {
  test(`DeleteVolume of "${volumeId}" is fine and touches nothing`, async () => {
    await using h = serviceHarness();
    const { volumeId: kept } = await h.createVolume('pvc-1');
    await h.call('DeleteVolume')({ volumeId });
    expect(readdirSync(join(h.pool, 'volumes'))).toEqual([kept]);
  });
}

test('DeleteVolume of a staged volume is FAILED_PRECONDITION and says where it is mounted', async () => {
  await using h = serviceHarness();
  const { volumeId } = await h.createVolume('pvc-1');
  const stagingTargetPath = h.makeFolder('stage');
  await h.call('NodeStageVolume')({ volumeId, stagingTargetPath, volumeCapability: aCapability() });
  await expect(h.call('DeleteVolume')({ volumeId })).rejects.toMatchObject({
    code: 'FAILED_PRECONDITION',
    message: expect.stringContaining(stagingTargetPath),
  });
  expect(existsSync(join(h.pool, 'volumes', volumeId))).toBe(true);
});

test('ListVolumes pages through all volumes, also when the last of a page is deleted', async () => {
  await using h = serviceHarness();
  const ids: string[] = [];
  for (const name of ['a', 'b', 'c', 'd']) ids.push((await h.createVolume(name)).volumeId);
  const list = async (startingToken: string) => {
    const page = (await h.call('ListVolumes')({ maxEntries: 2, startingToken })) as never;
    const { entries, nextToken } = page as { entries: { volume: { volumeId: string } }[]; nextToken: string };
    return { ids: entries.map((entry) => entry.volume.volumeId), nextToken };
  };
  const first = await list('');
  expect(first.ids).toEqual(ids.slice(0, 2));
  await h.call('DeleteVolume')({ volumeId: ids[1] });
  expect(await list(first.nextToken)).toEqual({ ids: ids.slice(2), nextToken: '' });
});

for (const startingToken of ['x', 'after-', 'after-99', 'after--1', 'after-1e3']) {
  test(`ListVolumes with the token "${startingToken}" is ABORTED`, async () => {
    await using h = serviceHarness();
    await expect(h.call('ListVolumes')({ startingToken })).rejects.toEqual(code('ABORTED'));
  });
}

test('ControllerExpandVolume grows, is fine when large enough, and never goes below what the volume holds', async () => {
  await using h = serviceHarness();
  const { volumeId } = await h.createVolume('pvc-1', { capacityRange: { requiredBytes: '1000', limitBytes: '0' } });
  const expand = (requiredBytes: string, limitBytes = '0') =>
    h.call('ControllerExpandVolume')({ volumeId, capacityRange: { requiredBytes, limitBytes } });
  expect(await expand('2000')).toEqual({ capacityBytes: '2000', nodeExpansionRequired: false });
  expect(await expand('1500')).toEqual({ capacityBytes: '2000', nodeExpansionRequired: false });
  await expect(expand('100', '1000')).rejects.toEqual(code('OUT_OF_RANGE'));
  expect(await h.call('ControllerGetVolume')({ volumeId })).toMatchObject({ volume: { capacityBytes: '2000' } });
});

test('GetCapacity is zero for another node and for block volumes', async () => {
  await using h = serviceHarness();
  const elsewhere = { segments: { 'topology.csi.berth.local/node': 'n2' } };
  const here = await h.call('GetCapacity')({});
  expect(Number(here['availableCapacity'])).toBeGreaterThan(0);
  expect(await h.call('GetCapacity')({ accessibleTopology: elsewhere })).toMatchObject({ availableCapacity: '0' });
  const block = { block: {}, accessMode: { mode: 'SINGLE_NODE_WRITER' } };
  expect(await h.call('GetCapacity')({ volumeCapabilities: [block] })).toMatchObject({ availableCapacity: '0' });
});

test('ValidateVolumeCapabilities confirms what can be had and says why not', async () => {
  await using h = serviceHarness();
  const { volumeId } = await h.createVolume('pvc-1');
  const ask = (volumeCapabilities: object[]) => h.call('ValidateVolumeCapabilities')({ volumeId, volumeCapabilities });
  expect(await ask([aCapability()])).toMatchObject({ confirmed: { volumeCapabilities: [aCapability()] } });
  const volumeContext = { 'csi.berth.local/size-enforced': 'true' };
  const otherContext = { volumeId, volumeContext, volumeCapabilities: [aCapability()] };
  expect(await h.call('ValidateVolumeCapabilities')(otherContext)).toEqual({
    message: expect.stringContaining('context'),
  });
  expect(await ask([aCapability('MULTI_NODE_MULTI_WRITER')])).toEqual({
    message: expect.stringContaining('MULTI_NODE_MULTI_WRITER is not supported'),
  });
});
