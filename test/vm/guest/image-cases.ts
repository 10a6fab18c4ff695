import assert from 'node:assert/strict';
import { chmodSync, readFileSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { driverFolder } from '../../harness/driver-process.ts';
import { createVolume, MiB, useVolume } from './csi-calls.ts';
import { startDriverHere } from './driver-here.ts';
import type { GuestCase } from './guest-case.ts';
import { writeAsUser } from './write-as.ts';

export const cases: readonly GuestCase[] = [
  {
    name: 'a mounted ext4 image grows under its writer, by who may (CAP_SYS_RESOURCE)',
    run: async () => {
      using place = driverFolder();
      // A pod's own user goes through it.
      chmodSync(place.folder, 0o711);
      await using driver = await startDriverHere(place.folder);
      const capability = { mount: { fsType: 'ext4' }, accessMode: { mode: 'SINGLE_NODE_WRITER' as const } };
      const parameters = { backend: 'image' };
      const { volumeId } = await createVolume(driver, 'grows', { mib: 64, parameters, capability });
      const { targetPath, release } = await useVolume(driver, volumeId, { folder: place.folder, capability });
      writeFileSync(join(targetPath, 'kept'), 'data');
      assert.equal(writeAsUser(join(targetPath, 'fill'), 96 * MiB), 'ENOSPC');
      const capacityRange = { requiredBytes: String(192 * MiB), limitBytes: '0' };
      const { nodeExpansionRequired } = await driver.controller.ControllerExpandVolume({ volumeId, capacityRange });
      assert.equal(nodeExpansionRequired, true);
      await driver.node.NodeExpandVolume({ volumeId, volumePath: targetPath, capacityRange });
      const { blocks, bsize } = statfsSync(targetPath);
      assert.ok(blocks * bsize > 160 * MiB, `${blocks * bsize}`);
      assert.equal(writeAsUser(join(targetPath, 'more'), 64 * MiB), undefined);
      assert.equal(readFileSync(join(targetPath, 'kept'), 'utf8'), 'data');
      await release();
      await driver.controller.DeleteVolume({ volumeId });
    },
  },
];
