import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { driverFolder } from '../../harness/driver-process.ts';
import { manyNodes as capability, createVolume, useVolume } from './csi-calls.ts';
import { mountHelper, startDriverHere, wholeProgram } from './driver-here.ts';
import type { GuestCase } from './guest-case.ts';
import { runningKernelNfs } from './kernel-nfs-server.ts';
import { until } from './until.ts';

/** The server and a driver with a pool of its own. */
export async function world(self: readonly string[] = mountHelper) {
  const { root, ...server } = runningKernelNfs();
  const place = driverFolder();
  const driver = await startDriverHere(place.folder, self);
  return {
    root,
    server,
    ...place,
    driver,
    parameters: { backend: 'nfs', server: server.host, share: server.share, nfsvers: '4.2' },
    [Symbol.asyncDispose]: async () => {
      await driver[Symbol.asyncDispose]();
      place[Symbol.dispose]();
    },
  };
}

export const cases: readonly GuestCase[] = [
  {
    name: 'the kernel mounts a volume of its own NFS server: what is written on either side is seen on the other',
    run: async () => {
      await using here = await world(wholeProgram);
      const { driver, folder, parameters, root } = here;
      const { volumeId, volumeContext } = await createVolume(driver, 'pvc-1', { parameters, capability });
      assert.equal(volumeContext?.['server'], '127.0.0.1');
      assert.ok(readdirSync(root).includes('pvc-1'));
      const { targetPath, release } = await useVolume(driver, volumeId, { folder, capability });
      const [mount] = here.mounts().filter(({ mountPoint }) => mountPoint === targetPath);
      assert.equal(mount?.fsType, 'nfs4');
      const data = Buffer.alloc(2_000_000, 'berth');
      await writeFile(join(targetPath, 'file'), data);
      assert.ok(readFileSync(join(root, 'pvc-1/file')).equals(data));
      writeFileSync(join(root, 'pvc-1/theirs'), 'x');
      await until(() => existsSync(join(targetPath, 'theirs')));
      const { usage } = await driver.node.NodeGetVolumeStats({ volumeId, volumePath: targetPath });
      assert.ok(Number(usage?.find(({ unit }) => unit === 'BYTES')?.total) > 0);
      const { snapshot } = await driver.controller.CreateSnapshot({ name: 's', sourceVolumeId: volumeId });
      const clone = await createVolume(driver, 'pvc-2', {
        capability,
        parameters,
        source: { snapshot: { snapshotId: snapshot?.snapshotId ?? '' } },
      });
      assert.ok(readFileSync(join(root, 'pvc-2/file')).equals(data));
      await release();
      for (const id of [volumeId, clone.volumeId]) await driver.controller.DeleteVolume({ volumeId: id });
      assert.deepEqual(readdirSync(root), ['.berth']);
      assert.deepEqual(here.mounts(), []);
    },
  },
  {
    name: 'a mounted server that goes silent ends its own volume’s calls, harms no other volume, and comes back',
    run: async () => {
      await using here = await world();
      const { driver, folder, parameters, server } = here;
      const remote = await createVolume(driver, 'remote', { parameters, capability });
      const local = await createVolume(driver, 'local', {});
      const used = await useVolume(driver, remote.volumeId, { folder, capability });
      await writeFile(join(used.targetPath, 'before'), 'kept');
      server.silence();
      const stats = driver.node.NodeGetVolumeStats({ volumeId: remote.volumeId, volumePath: used.targetPath });
      const other = await useVolume(driver, local.volumeId, { folder });
      writeFileSync(join(other.targetPath, 'fine'), 'x');
      await other.release();
      await assert.rejects(stats, (error: { code?: string }) =>
        ['UNAVAILABLE', 'DEADLINE_EXCEEDED'].includes(error.code ?? ''),
      );
      server.answer();
      await until(async () => {
        const answer = driver.node.NodeGetVolumeStats({ volumeId: remote.volumeId, volumePath: used.targetPath });
        return await answer.then(
          () => true,
          () => false,
        );
      });
      assert.equal(readFileSync(join(used.targetPath, 'before'), 'utf8'), 'kept');
      await used.release();
      await driver.controller.DeleteVolume({ volumeId: remote.volumeId });
      assert.deepEqual(here.mounts(), []);
    },
  },
];
