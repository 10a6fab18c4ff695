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

test('csictl csi takes a volume from its creation to the blocks of its snapshot, and back', async () => {
  using place = driverFolder();
  await using _driver = await startDriverProcess(place.folder);
  const call = async (rpc: string, ...flags: string[]) => {
    const answer = await csictl('csi', rpc, '--endpoint', place.endpoint, ...flags);
    return answer as unknown as Record<string, Record<string, unknown>>;
  };
  const cap = ['--cap', 'SINGLE_NODE_WRITER,mount,ext4'];
  const made = await call('create-volume', '--name', 'ü', '--size', '64Mi', '--param', 'backend=image', ...cap);
  const volume = ['--volume-id', String(made['volume']?.['volumeId'])];
  const staging = ['--staging-target-path', join(place.folder, 'stage')];
  const target = ['--target-path', join(place.folder, 'target')];
  mkdirSync(join(place.folder, 'stage'));
  await call('node-stage-volume', ...volume, ...staging, ...cap);
  await call('node-publish-volume', ...volume, ...staging, ...target, ...cap, '--readonly');
  expect(() => writeFileSync(join(place.folder, 'target/file'), '')).toThrow('EROFS');
  await call('node-unpublish-volume', ...volume, ...target);
  await call('node-unstage-volume', ...volume, ...staging);
  const source = ['--source-volume-id', ...volume.slice(1)];
  const snapshot = (await call('create-snapshot', '--name', 's', ...source))['snapshot'];
  const blocks = await call('get-metadata-allocated', '--snapshot-id', String(snapshot?.['snapshotId']));
  expect(blocks).toMatchObject({ volumeCapacityBytes: String(64 * 1024 ** 2) });
  expect((blocks['blockMetadata'] as unknown as unknown[]).length).toBeGreaterThan(0);
  await call('delete-snapshot', '--snapshot-id', String(snapshot?.['snapshotId']));
  await call('delete-volume', ...volume);
  expect(await call('list-volumes', '--all-pages')).toMatchObject({ entries: [] });
});
