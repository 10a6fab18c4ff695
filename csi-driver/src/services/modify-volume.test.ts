import type { csi } from '@berth/protos';
import { expect, test } from 'vitest';
import { aCapability, serviceHarness } from './service.harness.ts';

const code = (name: string) => expect.objectContaining({ code: name });
const day = 24 * 3_600_000;

async function scene(change: object = {}) {
  const h = serviceHarness();
  const { volumeId } = await h.createVolume('pvc-1', change);
  const modify = (mutableParameters: Record<string, string>, id = volumeId) =>
    h.call('ControllerModifyVolume')({ volumeId: id, mutableParameters });
  const ttl = () => h.context.catalog.find(volumeId)?.trashTtlMs;
  return Object.assign(h, { volumeId, modify, ttl });
}

test('what is modified is what is named; the rest stays, and the same again is fine', async () => {
  await using h = await scene();
  expect(h.ttl()).toBeUndefined();
  for (let i = 0; i < 2; i++) {
    await h.modify({ onDelete: 'trash' });
    expect(h.ttl()).toBe(7 * day);
  }
  await h.modify({ trashTTL: '2d' });
  expect(h.ttl()).toBe(2 * day);
  await h.modify({ onDelete: 'trash' });
  expect(h.ttl()).toBe(2 * day);
  await h.modify({});
  await h.modify({ 'example.com/remark': 'x' });
  expect(h.ttl()).toBe(2 * day);
  await h.modify({ onDelete: 'delete' });
  expect(h.ttl()).toBeUndefined();
});

const refused: Record<string, Record<string, string>> = {
  'a parameter nobody knows': { iops: '100' },
  'a parameter that is settled': { backend: 'image' },
  'the pool': { pool: 'other' },
  'a wrong value': { onDelete: 'shred' },
  'a time that is none': { onDelete: 'trash', trashTTL: 'soon' },
  'a time in no trash': { onDelete: 'delete', trashTTL: '1d' },
  'a good one beside a bad one': { onDelete: 'delete', iops: '1' },
  'more than 4 KiB': { onDelete: 'x'.repeat(4096) },
  'a name of an object': { __proto__x: '1', constructor: '1' },
};

for (const [what, mutableParameters] of Object.entries(refused)) {
  test(`ControllerModifyVolume refuses ${what} and changes nothing`, async () => {
    await using h = await scene({ parameters: { onDelete: 'trash', trashTTL: '3d' } });
    const before = h.context.catalog.find(h.volumeId);
    await expect(h.modify(mutableParameters)).rejects.toEqual(code('INVALID_ARGUMENT'));
    expect(h.context.catalog.find(h.volumeId)).toEqual(before);
    const create = h.createVolume('pvc-2', { mutableParameters });
    await expect(create).rejects.toEqual(code('INVALID_ARGUMENT'));
    expect(h.context.catalog.findByName('pvc-2')).toBeUndefined();
  });
}

test('an unknown volume is NOT_FOUND, no volume INVALID_ARGUMENT', async () => {
  await using h = await scene();
  await expect(h.modify({ onDelete: 'trash' }, 'unknown')).rejects.toEqual(code('NOT_FOUND'));
  await expect(h.modify({}, '../x')).rejects.toEqual(code('NOT_FOUND'));
  await expect(h.modify({}, '')).rejects.toEqual(code('INVALID_ARGUMENT'));
});

test('mutable parameters override those of the class, and CreateVolume stays idempotent after a modification', async () => {
  const request = {
    parameters: { onDelete: 'trash', trashTTL: '3d' },
    mutableParameters: { onDelete: 'delete' },
  };
  await using h = await scene(request);
  expect(h.ttl()).toBeUndefined();
  expect((await h.createVolume('pvc-1', request)).volumeId).toBe(h.volumeId);
  await h.modify({ onDelete: 'trash', trashTTL: '1d' });
  expect((await h.createVolume('pvc-1', request)).volumeId).toBe(h.volumeId);
  expect(h.ttl()).toBe(day);
  const other = { ...request, mutableParameters: { onDelete: 'trash' } };
  await expect(h.createVolume('pvc-1', other)).rejects.toEqual(code('ALREADY_EXISTS'));
});

test('ValidateVolumeCapabilities confirms mutable parameters a volume has, and no others', async () => {
  await using h = await scene({ parameters: { onDelete: 'trash', trashTTL: '3d' } });
  const ask = async (mutableParameters: object, parameters: object = {}) => {
    const request = { volumeId: h.volumeId, volumeCapabilities: [aCapability()], mutableParameters, parameters };
    const answer = await h.call('ValidateVolumeCapabilities')(request);
    return answer['confirmed'] as csi.ValidateVolumeCapabilitiesResponseConfirmed | undefined;
  };
  expect(await ask({ trashTTL: '3d' })).toMatchObject({ mutableParameters: { trashTTL: '3d' } });
  expect(await ask({ trashTTL: '4d' })).toBeUndefined();
  await h.modify({ trashTTL: '4d' });
  expect(await ask({ trashTTL: '4d' }, { onDelete: 'trash', trashTTL: '3d' })).toBeDefined();
  expect(await ask({}, { onDelete: 'trash', trashTTL: '3d' })).toBeDefined();
  expect(await ask({}, { onDelete: 'trash', trashTTL: '5d' })).toBeUndefined();
});
