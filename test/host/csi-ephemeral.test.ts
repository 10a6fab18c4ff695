import { existsSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { driverFolder, startDriverProcess } from '../harness/driver-process.ts';

const MiB = 1024 ** 2;
const code = (name: string) => expect.objectContaining({ code: name });
const volumeCapability = { mount: {}, accessMode: { mode: 'SINGLE_NODE_WRITER' as const } };
const volumeId = `csi-${'0f'.repeat(32)}`;
const inline = (attributes: Record<string, string> = {}) => ({ 'csi.storage.k8s.io/ephemeral': 'true', ...attributes });

test('an inline volume is memory of a hard size, survives kill -9 of the driver, and is gone when unpublished', async () => {
  using place = driverFolder();
  let driver = await startDriverProcess(place.folder);
  const targetPath = join(place.folder, 'target');
  const request = { volumeId, targetPath, volumeCapability, volumeContext: inline({ size: '8Mi' }) };
  await driver.node.NodePublishVolume(request);
  await driver.node.NodePublishVolume(request);
  const { blocks, bsize } = statfsSync(targetPath);
  expect(blocks * bsize).toBe(8 * MiB);
  writeFileSync(join(targetPath, 'file'), Buffer.alloc(MiB));
  expect(() => writeFileSync(join(targetPath, 'more'), Buffer.alloc(8 * MiB))).toThrow(code('ENOSPC'));
  expect(place.mounts().at(-1)?.options).toEqual(expect.arrayContaining(['nosuid', 'nodev']));
  const other = { ...request, volumeContext: inline({ size: '9Mi' }) };
  await expect(driver.node.NodePublishVolume(other)).rejects.toEqual(code('ALREADY_EXISTS'));
  for (const change of [{ volumeId: 'csi-other' }, { readonly: true }])
    await expect(driver.node.NodePublishVolume({ ...request, ...change })).rejects.toEqual(code('ALREADY_EXISTS'));
  await driver.kill();
  driver = await startDriverProcess(place.folder);
  await driver.node.NodePublishVolume(request);
  const { usage } = await driver.node.NodeGetVolumeStats({ volumeId, volumePath: targetPath });
  expect(usage.map(({ unit, total }) => [unit, unit === 'BYTES' ? total : 'any'])).toEqual([
    ['BYTES', String(8 * MiB)],
    ['INODES', 'any'],
  ]);
  const capacityRange = { requiredBytes: String(12 * MiB) };
  const expand = { volumeId, volumePath: targetPath, capacityRange };
  expect(await driver.node.NodeExpandVolume(expand)).toEqual({ capacityBytes: String(12 * MiB) });
  await driver.node.NodePublishVolume(request);
  writeFileSync(join(targetPath, 'more'), Buffer.alloc(9 * MiB));
  expect(place.mounts().at(-1)?.options).toEqual(expect.arrayContaining(['nosuid', 'nodev']));
  for (const range of [{ limitBytes: String(8 * MiB) }, { requiredBytes: String(2 ** 50) }])
    await expect(driver.node.NodeExpandVolume({ ...expand, capacityRange: range })).rejects.toEqual(
      code('OUT_OF_RANGE'),
    );
  const { volumeHealth } = await driver.node.NodeGetVolumeHealth({ volumeId, volumePublishPath: targetPath });
  expect(volumeHealth).toEqual({ volumeId, healthStatuses: [] });
  await driver.node.NodeUnpublishVolume({ volumeId, targetPath });
  await driver.node.NodeUnpublishVolume({ volumeId, targetPath });
  expect([place.mounts(), existsSync(targetPath)]).toEqual([[], false]);
  await driver[Symbol.asyncDispose]();
});

const refused: Record<string, object> = {
  'a size that is none': { volumeContext: inline({ size: '8Mi,mode=4777' }) },
  'more than the memory': { volumeContext: inline({ size: '999999Gi' }) },
  'another backend': { volumeContext: inline({ backend: 'image' }) },
  'an unknown attribute': { volumeContext: inline({ uid: '0' }) },
  'an id that would be options': { volumeId: 'a b,size=1' },
  'a block device': { volumeCapability: { block: {}, accessMode: volumeCapability.accessMode } },
  'another filesystem': { volumeCapability: { ...volumeCapability, mount: { fsType: 'ext4' } } },
  'a mount flag that is a size': { volumeCapability: { ...volumeCapability, mount: { mountFlags: ['size=100g'] } } },
  'a relative target': { targetPath: 'target' },
};

test('an inline volume that cannot be is refused, and nothing is mounted or made', async () => {
  using place = driverFolder();
  await using driver = await startDriverProcess(place.folder);
  const targetPath = join(place.folder, 'target');
  for (const [what, change] of Object.entries(refused)) {
    const request = { volumeId, targetPath, volumeCapability, volumeContext: inline(), ...change };
    await expect(driver.node.NodePublishVolume(request), what).rejects.toEqual(code('INVALID_ARGUMENT'));
  }
  expect([place.mounts(), existsSync(targetPath)]).toEqual([[], false]);
});
