import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { driverFolder, startDriverProcess } from '../harness/driver-process.ts';

const code = (name: string) => expect.objectContaining({ code: name });
const volumeCapability = { mount: {}, accessMode: { mode: 'SINGLE_NODE_WRITER' as const } };
const flags = ['--attach', '--max-volumes-per-node', '2'];

test('what is attached is attached after kill -9, counts against the limit, and read-only stays read-only', async () => {
  using place = driverFolder();
  let driver = await startDriverProcess(place.folder, flags);
  const ids: string[] = [];
  for (const name of ['a', 'b', 'c']) {
    const { volume } = await driver.controller.CreateVolume({ name, volumeCapabilities: [volumeCapability] });
    ids.push(volume!.volumeId);
  }
  const attach = (volumeId: string, readonly = false) =>
    driver.controller.ControllerPublishVolume({ volumeId, nodeId: 'n1', volumeCapability, readonly });
  const [first = '', second = '', third = ''] = ids;
  const { publishContext } = await attach(first, true);
  await attach(second);
  await driver.kill();
  driver = await startDriverProcess(place.folder, flags);
  expect(await attach(first, true)).toEqual({ publishContext });
  await expect(attach(first)).rejects.toEqual(code('ALREADY_EXISTS'));
  await expect(attach(third)).rejects.toEqual(code('RESOURCE_EXHAUSTED'));
  await expect(driver.controller.DeleteVolume({ volumeId: second })).rejects.toEqual(code('FAILED_PRECONDITION'));
  const { entries } = await driver.controller.ListVolumes({});
  expect(entries.map(({ status }) => status?.publishedNodeIds)).toEqual([['n1'], ['n1'], []]);
  const stagingTargetPath = join(place.folder, 'stage');
  mkdirSync(stagingTargetPath);
  const request = { volumeId: first, stagingTargetPath, publishContext, volumeCapability };
  await driver.node.NodeStageVolume(request);
  await driver.node.NodePublishVolume({ ...request, targetPath: join(place.folder, 'target') });
  expect(() => mkdirSync(join(place.folder, 'target/x'))).toThrow(code('EROFS'));
  await driver.controller.ControllerUnpublishVolume({ volumeId: second, nodeId: '' });
  await driver.kill();
  driver = await startDriverProcess(place.folder, flags);
  await attach(third);
  await driver[Symbol.asyncDispose]();
  // A life without attaching: what was attached stands in nobody's way.
  await using last = await startDriverProcess(place.folder);
  await last.controller.DeleteVolume({ volumeId: third });
  await expect(
    last.controller.ControllerPublishVolume({ volumeId: second, nodeId: 'n1', volumeCapability }),
  ).rejects.toEqual(code('UNIMPLEMENTED'));
});

for (const [what, wrong] of Object.entries({ zero: '0', negative: '-1', 'no number': 'many', fraction: '1.5' })) {
  test(`--max-volumes-per-node with ${what} ends with one line`, async () => {
    using place = driverFolder();
    const starting = startDriverProcess(place.folder, ['--max-volumes-per-node', wrong]);
    await expect(starting).rejects.toThrow(/exited with 2: csi-driver: option '--max-volumes-per-node/);
  });
}
