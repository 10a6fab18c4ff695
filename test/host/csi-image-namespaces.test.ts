import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { startDriverProcess } from '../harness/driver-process.ts';
import { createImage, imageFolder, useImage } from '../harness/image-driver.ts';

/** Mounts of tests that run beside this one are theirs alone: kept here, they could not be taken away there. */
const keepOnly = `
for point in $(cut -d ' ' -f 5 /proc/self/mountinfo); do
  case $point in "$0"/*) ;; "$1"/*) umount -l "$point" 2>/dev/null; esac
done
exec sleep infinity`;

/** A process with a mount namespace of its own, where what is mounted below the folder does not go with ours. */
async function otherNamespace(folder: string) {
  const command = ['-m', '--propagation', 'private', 'sh', '-c', keepOnly, folder, tmpdir()];
  const child = spawn('unshare', command, { stdio: 'ignore' });
  await expect.poll(() => readFileSync(`/proc/${child.pid}/comm`, 'utf8')).toBe('sleep\n');
  return {
    pid: child.pid,
    [Symbol.asyncDispose]: async () => {
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    },
  };
}

for (const fsType of ['ext4', 'xfs', 'btrfs']) {
  test(`a volume with ${fsType} is staged again while another mount namespace still holds its former staging`, async () => {
    await using place = await imageFolder();
    await using driver = await startDriverProcess(place.folder);
    const access = { mount: { fsType } };
    const volumeId = await createImage(driver, 'v', { access, mib: 512 });
    const first = await useImage(driver, volumeId, { folder: place.folder, access });
    writeFileSync(join(first.targetPath, 'file'), 'kept');
    {
      await using _other = await otherNamespace(place.folder);
      await first.release();
      const second = await useImage(driver, volumeId, { folder: place.folder, access });
      expect(readFileSync(join(second.targetPath, 'file'), 'utf8')).toBe('kept');
      writeFileSync(join(second.targetPath, 'file'), 'more');
      await second.release();
    }
    await expect.poll(place.loops).toEqual([]);
    const third = await useImage(driver, volumeId, { folder: place.folder, access });
    expect(readFileSync(join(third.targetPath, 'file'), 'utf8')).toBe('more');
    await third.release();
    await driver.controller.DeleteVolume({ volumeId });
  });
}

test('DeleteVolume of a volume that another mount namespace still has mounted says which process that is, and deletes nothing', async () => {
  await using place = await imageFolder();
  await using driver = await startDriverProcess(place.folder);
  const access = { mount: { fsType: 'ext4' } };
  const volumeId = await createImage(driver, 'v', { access });
  const use = await useImage(driver, volumeId, { folder: place.folder, access });
  {
    await using other = await otherNamespace(place.folder);
    await use.release();
    await expect(driver.controller.DeleteVolume({ volumeId })).rejects.toMatchObject({
      code: 'FAILED_PRECONDITION',
      message: expect.stringContaining(`in the mount namespace of process ${other.pid} (sleep)`),
    });
    expect((await driver.controller.ListVolumes({})).entries).toHaveLength(1);
  }
  await driver.controller.DeleteVolume({ volumeId });
});
