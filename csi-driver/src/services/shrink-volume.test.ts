import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { serviceHarness } from './service.harness.ts';

const MiB = 1024 ** 2;
const code = (name: string) => expect.objectContaining({ code: name });

async function volumeOf(h: ReturnType<typeof serviceHarness>, mib: number): Promise<string> {
  const { volumeId } = await h.createVolume('pvc-1', {
    capacityRange: { requiredBytes: String(mib * MiB), limitBytes: '0' },
  });
  return volumeId;
}

const resize = (h: ReturnType<typeof serviceHarness>, volumeId: string, [required, limit]: [number, number]) =>
  h.call('ControllerExpandVolume')({
    volumeId,
    capacityRange: { requiredBytes: String(required * MiB), limitBytes: String(limit * MiB) },
  });

test('ControllerExpandVolume with a lower limit_bytes takes a directory down to what is required, once', async () => {
  await using h = serviceHarness();
  const volumeId = await volumeOf(h, 64);
  const smaller = { capacityBytes: String(16 * MiB), nodeExpansionRequired: false };
  expect(await resize(h, volumeId, [16, 32])).toEqual(smaller);
  expect(await resize(h, volumeId, [16, 32])).toEqual(smaller);
  expect(await h.call('ControllerGetVolume')({ volumeId })).toMatchObject({
    volume: { capacityBytes: String(16 * MiB) },
  });
});

test('without required_bytes it goes down to limit_bytes', async () => {
  await using h = serviceHarness();
  const volumeId = await volumeOf(h, 64);
  expect(await resize(h, volumeId, [0, 32])).toMatchObject({ capacityBytes: String(32 * MiB) });
});

test('a directory never goes below what it holds: OUT_OF_RANGE, and it keeps its size', async () => {
  await using h = serviceHarness();
  const volumeId = await volumeOf(h, 64);
  writeFileSync(join(h.pool, 'volumes', volumeId, 'data'), Buffer.alloc(4 * MiB, 1));
  await expect(resize(h, volumeId, [2, 3])).rejects.toEqual(code('OUT_OF_RANGE'));
  expect(await h.call('ControllerGetVolume')({ volumeId })).toMatchObject({
    volume: { capacityBytes: String(64 * MiB) },
  });
});

test.each(['yes', 'Required', '', 'none\n'])('the parameter quota refuses "%s"', async (quota) => {
  await using h = serviceHarness();
  await expect(h.createVolume('pvc-1', { parameters: { quota } })).rejects.toEqual(code('INVALID_ARGUMENT'));
});

test('quota = required is RESOURCE_EXHAUSTED and nothing is made; its class has no capacity', async () => {
  await using h = serviceHarness();
  const parameters = { quota: 'required' };
  await expect(h.createVolume('pvc-1', { parameters })).rejects.toEqual(code('RESOURCE_EXHAUSTED'));
  expect(await h.call('ListVolumes')({})).toMatchObject({ entries: [] });
  expect(await h.call('GetCapacity')({ parameters })).toMatchObject({ availableCapacity: '0' });
});
