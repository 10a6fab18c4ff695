import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { runCli } from '@berth/csictl';
import { linuxMounter } from '@berth/linux';
import { expect, test } from 'vitest';
import { driverFolder, startDriverProcess } from '../harness/driver-process.ts';

const capability = { mount: {}, accessMode: { mode: 'SINGLE_NODE_MULTI_WRITER' as const } };
const name = 'csi.berth.local';

async function csictl(...argv: string[]): Promise<Record<string, unknown>[]> {
  let out = '';
  const write = (text: string) => {
    out += text;
  };
  await runCli([...argv, '-o', 'json'], { env: {}, out: write, err: () => undefined, isInteractive: false });
  return JSON.parse(out);
}

test('csictl finds the driver of a data directory, its volumes with usage, and what happened to their mounts', async () => {
  using place = driverFolder();
  const node = join(place.folder, 'nodes/n1');
  const socket = join(node, 'csi', name, 'csi.sock');
  await using driver = await startDriverProcess(place.folder, [], `unix://${socket}`);
  const { volume } = await driver.controller.CreateVolume({ name: 'pvc-1', volumeCapabilities: [capability] });
  const volumeId = volume!.volumeId;
  const hash = createHash('sha256').update(volumeId).digest('hex');
  const stagingTargetPath = join(node, `kubelet/plugins/kubernetes.io/csi/${name}/${hash}/globalmount`);
  const targetPath = join(node, 'kubelet/pods/uid-1/volumes/kubernetes.io~csi/pvc-1/mount');
  mkdirSync(stagingTargetPath, { recursive: true });
  mkdirSync(dirname(targetPath), { recursive: true });
  for (const path of [stagingTargetPath, targetPath]) {
    const data = { driverName: name, volumeHandle: volumeId, specVolID: 'pvc-1' };
    writeFileSync(join(dirname(path), 'vol_data.json'), JSON.stringify(data));
  }
  await driver.node.NodeStageVolume({ volumeId, stagingTargetPath, volumeCapability: capability });
  await driver.node.NodePublishVolume({ volumeId, stagingTargetPath, targetPath, volumeCapability: capability });
  writeFileSync(join(targetPath, 'file'), Buffer.alloc(1024 * 1024, 1));
  const flags = ['--data-dir', place.folder];
  expect(await csictl('driver', ...flags)).toMatchObject([
    { name, node: 'n1', topology: { [`topology.${name}/node`]: 'n1' } },
  ]);
  const [row] = await csictl('volumes', ...flags);
  expect(row).toMatchObject({ volume: volumeId, node: 'n1', sizeBytes: 1024 ** 3, path: targetPath });
  expect(Number(row?.['usedBytes'])).toBeGreaterThanOrEqual(1024 * 1024);
  const states = async () => (await csictl('mounts', ...flags)).map(({ kind, state }) => `${kind} ${state}`).sort();
  expect(await states()).toEqual(['publish ok', 'stage ok']);
  linuxMounter.bind(stagingTargetPath, targetPath);
  expect(await states()).toEqual(['publish stacked twice', 'stage ok']);
  await driver.node.NodeUnpublishVolume({ volumeId, targetPath });
  expect(await states()).toEqual(['publish missing', 'stage ok']);
  await driver.node.NodeUnstageVolume({ volumeId, stagingTargetPath });
});
