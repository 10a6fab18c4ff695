import { randomBytes } from 'node:crypto';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { startDriverProcess } from '../harness/driver-process.ts';
import { createImage, imageFolder, useImage } from '../harness/image-driver.ts';

const MiB = 1024 ** 2;
const access = { mount: { fsType: 'ext4' } };
const code = (name: string) => expect.objectContaining({ code: name });
const reserved = { provisioning: 'reserved' };

test('a thin image in use becomes a reserved one: with all of its room, apart from its snapshots', async () => {
  await using place = await imageFolder('xfs', 1024);
  let driver = await startDriverProcess(place.folder);
  const volumeId = await createImage(driver, 'pvc', { access, mib: 64 });
  const image = join(place.pool, 'images', volumeId);
  const use = await useImage(driver, volumeId, { folder: place.folder, access });
  const content = randomBytes(MiB);
  writeFileSync(join(use.targetPath, 'content'), content);
  const { snapshot } = await driver.controller.CreateSnapshot({ name: 's', sourceVolumeId: volumeId });
  const before = readFileSync(join(place.pool, 'image-snapshots', snapshot!.snapshotId));
  expect(statSync(image).blocks * 512).toBeLessThan(64 * MiB);
  for (let i = 0; i < 2; i++) {
    await driver.controller.ControllerModifyVolume({ volumeId, mutableParameters: reserved });
    expect(statSync(image).blocks * 512).toBeGreaterThanOrEqual(64 * MiB);
  }
  await driver.kill();
  driver = await startDriverProcess(place.folder);
  const { message } = await driver.controller.ValidateVolumeCapabilities({
    volumeId,
    volumeCapabilities: [{ ...access, accessMode: { mode: 'SINGLE_NODE_WRITER' } }],
    mutableParameters: reserved,
  });
  expect(message).toBe('');
  expect(readFileSync(join(use.targetPath, 'content')).equals(content)).toBe(true);
  expect(readFileSync(join(place.pool, 'image-snapshots', snapshot!.snapshotId)).equals(before)).toBe(true);
  await use.release(driver);
  await driver.controller.ControllerModifyVolume({ volumeId, mutableParameters: { provisioning: 'thin' } });
  await driver[Symbol.asyncDispose]();
});

test('a modification without room is RESOURCE_EXHAUSTED, and the volume is what it was', async () => {
  await using place = await imageFolder('xfs', 512);
  await using driver = await startDriverProcess(place.folder);
  const volumeId = await createImage(driver, 'pvc', { access, mib: 300 });
  await createImage(driver, 'other', { access, mib: 150, parameters: reserved });
  const modifying = driver.controller.ControllerModifyVolume({ volumeId, mutableParameters: reserved });
  await expect(modifying).rejects.toEqual(code('RESOURCE_EXHAUSTED'));
  const wrong = driver.controller.ControllerModifyVolume({ volumeId, mutableParameters: { mkfsOptions: '-m 1' } });
  await expect(wrong).rejects.toEqual(code('INVALID_ARGUMENT'));
  const { message } = await driver.controller.ValidateVolumeCapabilities({
    volumeId,
    volumeCapabilities: [{ ...access, accessMode: { mode: 'SINGLE_NODE_WRITER' } }],
    mutableParameters: reserved,
  });
  expect(message).toContain('mutable_parameters');
});

test('a reserved image keeps its room in use, also that of tables which nothing was written to', async () => {
  await using place = await imageFolder('xfs', 512);
  await using driver = await startDriverProcess(place.folder);
  const volumeId = await createImage(driver, 'pvc', { access, mib: 256, parameters: reserved });
  const use = await useImage(driver, volumeId, { folder: place.folder, access });
  // The kernel's thread begins within five seconds of a mount.
  await sleep(7000);
  expect(statSync(join(place.pool, 'images', volumeId)).blocks * 512).toBeGreaterThanOrEqual(256 * MiB);
  await use.release();
});
