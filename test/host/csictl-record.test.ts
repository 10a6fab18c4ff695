import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { csiController, csiNode, GrpcConnection } from '@berth/protos';
import { expect, test } from 'vitest';
import { csictl, startCsictl } from '../../csictl/src/testing/run-csictl.ts';
import { startDriverProcess } from '../harness/driver-process.ts';
import { capabilityOf, imageFolder } from '../harness/image-driver.ts';

test('a lost reply of NodeStageVolume is completed by its repetition, and the recording plays at another driver', async () => {
  await using place = await imageFolder();
  const calls = join(place.folder, 'calls.jsonl');
  const capability = capabilityOf({ mount: { fsType: 'ext4' } });
  const stagingTargetPath = join(place.folder, 'one', 'stage');
  const targetPath = join(place.folder, 'one', 'target');
  mkdirSync(stagingTargetPath, { recursive: true });
  {
    await using _driver = await startDriverProcess(place.folder);
    const socket = `unix://${place.folder}/proxy.sock`;
    const fault = ['--fault', 'NodeStageVolume:1:drop-reply=UNAVAILABLE'];
    const run = startCsictl(['record', '--endpoint', place.endpoint, '--listen', socket, '--file', calls, ...fault]);
    await expect.poll(() => run.text.err).toContain('passing calls on');
    using connection = new GrpcConnection(socket);
    const [controller, node] = [connection.service(csiController), connection.service(csiNode)];
    const { volume } = await controller.CreateVolume({
      name: 'pvc-1',
      volumeCapabilities: [capability],
      capacityRange: { requiredBytes: String(64 * 1024 ** 2), limitBytes: '0' },
      parameters: { backend: 'image' },
    });
    const { volumeId, volumeContext } = volume!;
    const stage = { volumeId, volumeContext, stagingTargetPath, volumeCapability: capability };
    await expect(node.NodeStageVolume(stage)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    await node.NodeStageVolume(stage);
    await node.NodePublishVolume({ ...stage, targetPath });
    expect(place.mounts().map(({ mountPoint }) => mountPoint)).toContain(targetPath);
    await node.NodeUnpublishVolume({ volumeId, targetPath });
    await node.NodeUnstageVolume({ volumeId, stagingTargetPath });
    await controller.DeleteVolume({ volumeId });
    // What is free differs from one moment to the next.
    await controller.GetCapacity({});
    run.interrupt();
    expect(await run.ended).toMatchObject({ exitCode: 0, err: expect.stringContaining('8 calls recorded') });
  }
  expect(readFileSync(calls, 'utf8')).toContain('"fault":"NodeStageVolume:1:drop-reply=UNAVAILABLE"');
  await using other = await imageFolder('xfs');
  await using _second = await startDriverProcess(other.folder);
  const paths = ['--map-path', `${place.folder}/one=${other.folder}/two`];
  const replayed = await csictl('replay', calls, '--endpoint', other.endpoint, ...paths);
  expect(replayed).toEqual({ exitCode: 0, out: '8 calls of csi.berth.local played, 0 different\n', err: '' });
  expect(readdirSync(join(other.pool, 'images'))).toEqual([]);
  await expect.poll(other.loops).toEqual([]);
});

test('bench takes volumes through their life and leaves nothing, also after Ctrl-C', async () => {
  await using place = await imageFolder();
  await using driver = await startDriverProcess(place.folder);
  const mountDir = join(place.folder, 'mounts');
  const run = ['bench', '--endpoint', place.endpoint, '--mount-dir', mountDir, '--concurrency', '4', '-o', 'json'];
  const { exitCode, out } = await csictl(...run, '--count', '20');
  const { steps } = JSON.parse(out) as { steps: { step: string; count: number }[] };
  const names = ['create', 'stage', 'publish', 'unpublish', 'unstage', 'delete'];
  expect({ exitCode, steps }).toMatchObject({
    exitCode: 0,
    steps: names.map((step) => ({ step, count: 20, errors: 0 })),
  });
  const long = startCsictl([...run, '--duration', '1h']);
  await expect.poll(async () => (await driver.controller.ListVolumes({})).entries.length).toBeGreaterThan(0);
  long.interrupt();
  expect(await long.ended).toMatchObject({ exitCode: 1, err: expect.stringContaining('interrupted') });
  expect((await driver.controller.ListVolumes({})).entries).toEqual([]);
  expect(place.mounts()).toEqual([]);
  expect(readdirSync(mountDir)).toEqual([]);
});
