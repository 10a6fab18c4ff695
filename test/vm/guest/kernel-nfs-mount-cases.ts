import assert from 'node:assert/strict';
import { closeSync, mkdirSync, openSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { manyNodes as capability, createVolume } from './csi-calls.ts';
import type { GuestCase } from './guest-case.ts';
import { world } from './kernel-nfs-cases.ts';

export const cases: readonly GuestCase[] = [
  {
    name: 'a symlink on the server is not mounted by the kernel; what is mounted has the flags that were asked for',
    run: async () => {
      await using here = await world();
      const { driver, folder, parameters, root } = here;
      mkdirSync(join(root, 'real/below'), { recursive: true });
      symlinkSync('real', join(root, 'link'));
      symlinkSync('/etc', join(root, 'absolute'));
      const stagingTargetPath = join(folder, 'stage');
      mkdirSync(stagingTargetPath);
      const stage = (subDir: string, mountFlags: string[] = []) =>
        driver.node.NodeStageVolume({
          volumeId: 'hand-written',
          stagingTargetPath,
          volumeCapability: { ...capability, mount: { mountFlags } },
          volumeContext: { ...parameters, subDir },
        });
      for (const subDir of ['link', 'absolute', 'link/below']) {
        await assert.rejects(stage(subDir), { code: 'FAILED_PRECONDITION' }, subDir);
      }
      await assert.rejects(stage('absent'), { code: 'NOT_FOUND' });
      assert.deepEqual(here.mounts(), []);
      await stage('real/below', ['noexec,nosuid', 'noatime', 'timeo=100']);
      const [mount, ...others] = here.mounts();
      assert.deepEqual(others, []);
      assert.equal(mount?.mountPoint, stagingTargetPath);
      assert.ok(['noexec', 'nosuid', 'noatime'].every((flag) => mount.options.includes(flag)));
      assert.ok(mount.superOptions.includes('timeo=100'));
      await driver.node.NodeUnstageVolume({ volumeId: 'hand-written', stagingTargetPath });
      assert.deepEqual(here.mounts(), []);
    },
  },
  {
    name: 'what the kernel has mounted of a silent server is detached by force, though it is used',
    run: async () => {
      await using here = await world();
      const { driver, folder, parameters, server } = here;
      const { volumeId } = await createVolume(driver, 'stuck', { parameters, capability });
      const stagingTargetPath = join(folder, 'stage');
      mkdirSync(stagingTargetPath);
      await driver.node.NodeStageVolume({ volumeId, stagingTargetPath, volumeCapability: capability });
      const user = openSync(stagingTargetPath, 'r');
      const unstage = () => driver.node.NodeUnstageVolume({ volumeId, stagingTargetPath });
      await assert.rejects(unstage(), { code: 'FAILED_PRECONDITION' });
      assert.equal(here.mounts().length, 1);
      server.silence();
      try {
        await unstage();
        assert.deepEqual(here.mounts(), []);
      } finally {
        server.answer();
        closeSync(user);
      }
    },
  },
];
