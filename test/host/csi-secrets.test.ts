import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { startDriverProcess } from '../harness/driver-process.ts';
import { lifePlace } from '../harness/life-place.ts';

/** Appears in no log, whatever carried it and however the call ended (CVE-2023-2878, CVE-2024-3744; CSI spec, csi_secret and mount_flags). */
const secret = 'hunter2-5f4dcc3b';
const secrets = { password: secret, [`key-${secret}`]: 'x' };
const tokens = { 'csi.storage.k8s.io/serviceAccount.tokens': JSON.stringify({ '': { token: secret } }) };

test('secrets, mount flags and tokens are in no line of the debug log, whether calls succeed or fail', async () => {
  using place = await lifePlace();
  await using driver = await startDriverProcess(place.folder, ['--log-level', 'debug']);
  const { controller, node } = driver;
  const tried = (call: Promise<unknown>) => call.catch(() => undefined);
  const [stagingTargetPath, targetPath] = [join(place.folder, 'staging'), join(place.folder, 'target')];
  mkdirSync(stagingTargetPath);
  for (const mountFlags of [[], [`password=${secret}`], [secret], [`noatime,${secret}`]]) {
    const volumeCapability = { mount: { mountFlags }, accessMode: { mode: 'SINGLE_NODE_WRITER' as const } };
    const name = `pvc-${mountFlags.length}`;
    for (const parameters of [{}, { backend: 'image', mkfsOptions: '-L x' }]) {
      await tried(controller.CreateVolume({ name, volumeCapabilities: [volumeCapability], secrets, parameters }));
    }
    const { entries } = await controller.ListVolumes({});
    const ids = [...entries.map(({ volume }) => volume!.volumeId), 'csi-inline', 'no-such'];
    for (const volumeId of ids) {
      const context = { volumeContext: tokens, publishContext: { secret }, secrets, volumeCapability };
      await tried(
        controller.ValidateVolumeCapabilities({ volumeId, volumeCapabilities: [volumeCapability], ...context }),
      );
      await tried(controller.ControllerPublishVolume({ volumeId, nodeId: 'n1', ...context }));
      await tried(controller.ControllerModifyVolume({ volumeId, secrets, mutableParameters: {} }));
      const { snapshot } = await controller
        .CreateSnapshot({ name: `snap-${volumeId}`, sourceVolumeId: volumeId, secrets })
        .catch(() => ({ snapshot: null }));
      await tried(controller.ListSnapshots({ secrets }));
      await tried(node.NodeStageVolume({ volumeId, stagingTargetPath, ...context }));
      await tried(node.NodePublishVolume({ volumeId, stagingTargetPath, targetPath, ...context }));
      const inline = { ...tokens, 'csi.storage.k8s.io/ephemeral': 'true', size: '1Mi' };
      await tried(node.NodePublishVolume({ volumeId, targetPath, ...context, volumeContext: inline }));
      const capacityRange = { requiredBytes: '2000000000', limitBytes: '0' };
      await tried(controller.ControllerExpandVolume({ volumeId, capacityRange, secrets, volumeCapability }));
      await tried(node.NodeExpandVolume({ volumeId, volumePath: targetPath, secrets, volumeCapability }));
      await tried(node.NodeUnpublishVolume({ volumeId, targetPath }));
      await tried(node.NodeUnstageVolume({ volumeId, stagingTargetPath }));
      await tried(controller.ControllerUnpublishVolume({ volumeId, nodeId: 'n1', secrets }));
      if (snapshot) await tried(controller.DeleteSnapshot({ snapshotId: snapshot.snapshotId, secrets }));
      await tried(controller.DeleteVolume({ volumeId, secrets }));
    }
  }
  const log = driver.log();
  // It did log the calls, and that there were secrets.
  for (const method of ['CreateVolume', 'NodeStageVolume', 'NodePublishVolume', 'DeleteVolume']) {
    expect(log).toContain(`${method} called`);
  }
  expect(log).toContain('***stripped***');
  expect(log.split('\n').filter((line) => line.includes(secret))).toEqual([]);
  expect(place.mounts()).toEqual([]);
});
