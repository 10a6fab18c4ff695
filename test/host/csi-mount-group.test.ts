import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type DriverProcess, startDriverProcess } from '../harness/driver-process.ts';
import { imageFolder } from '../harness/image-driver.ts';

const code = (name: string) => expect.objectContaining({ code: name });
const owned = (path: string) => {
  const { gid, mode } = lstatSync(path);
  return [gid, (mode & 0o7777).toString(8)];
};

function capabilityOf(volumeMountGroup: string) {
  return {
    mount: { fsType: '', mountFlags: [], volumeMountGroup },
    accessMode: { mode: 'SINGLE_NODE_MULTI_WRITER' as const },
  };
}

async function staged(driver: DriverProcess, folder: string, parameters: Record<string, string>) {
  const volumeCapability = capabilityOf('');
  const { volume } = await driver.controller.CreateVolume({
    name: 'pvc',
    parameters,
    volumeCapabilities: [volumeCapability],
    capacityRange: { requiredBytes: String(64 * 1024 ** 2), limitBytes: '0' },
  });
  const volumeId = volume!.volumeId;
  const stagingTargetPath = join(folder, 'stage');
  mkdirSync(stagingTargetPath);
  await driver.node.NodeStageVolume({ volumeId, stagingTargetPath, volumeCapability });
  let count = 0;
  const publish = async (group: string, readonly = false) => {
    const targetPath = join(folder, `target-${count++}`);
    const request = { volumeId, stagingTargetPath, targetPath, readonly, volumeCapability: capabilityOf(group) };
    await driver.node.NodePublishVolume(request);
    return targetPath;
  };
  return { volumeId, stagingTargetPath, publish };
}

for (const [backend, poolFs] of [
  ['directory', undefined],
  ['image', undefined],
  ['btrfs', 'btrfs'],
] as const) {
  test(`a volume of the backend ${backend} is its group's: what is there, what comes, and for another group again`, async () => {
    await using place = await imageFolder(poolFs);
    await using driver = await startDriverProcess(place.folder);
    const { publish } = await staged(driver, place.folder, { backend });
    const first = await publish('2000');
    expect(owned(first)).toEqual([2000, '2777']);
    const script = 'umask 077; echo x > own; mkdir dir; echo y > dir/deep; ln -s /etc/passwd link; mkfifo pipe';
    execFileSync('sh', ['-c', script], { cwd: first });
    expect(owned(join(first, 'own'))).toEqual([2000, '600']);
    chmodSync(join(first, 'dir'), 0o755);
    // The root is right: what a workload did below it is its own.
    const second = await publish('2000');
    expect(owned(join(second, 'own'))).toEqual([2000, '600']);
    const third = await publish('3000');
    expect(owned(third)).toEqual([3000, '2777']);
    expect(owned(join(third, 'own'))).toEqual([3000, '660']);
    expect(owned(join(third, 'dir'))).toEqual([3000, '2775']);
    expect(owned(join(third, 'dir/deep'))).toEqual([3000, '660']);
    expect(owned(join(third, 'link'))[0]).toBe(3000);
    expect(owned(join(third, 'pipe'))[0]).toBe(3000);
    expect(statSync('/etc/passwd').gid).toBe(0);
    expect(owned(await publish('4000', true))).toEqual([3000, '2777']);
    for (const group of ['-1', 'root', '4294967295']) {
      await expect(publish(group)).rejects.toEqual(code('INVALID_ARGUMENT'));
    }
  });
}

test('names that turn into symlinks meanwhile, hard links and a caller that leaves do no harm', async () => {
  await using place = await imageFolder();
  await using driver = await startDriverProcess(place.folder);
  const outside = mkdtempSync(join(tmpdir(), 'berth-outside-'));
  try {
    writeFileSync(join(outside, 'file'), '');
    const before = [owned(outside), owned(join(outside, 'file'))];
    const { publish, volumeId, stagingTargetPath } = await staged(driver, place.folder, { backend: 'directory' });
    for (let i = 0; i < 40; i++) {
      mkdirSync(join(stagingTargetPath, `d${i}`));
      for (let j = 0; j < 50; j++) writeFileSync(join(stagingTargetPath, `d${i}`, `f${j}`), '');
    }
    linkSync(join(stagingTargetPath, 'd0/f0'), join(stagingTargetPath, 'd1/hard'));
    symlinkSync(outside, join(stagingTargetPath, 'swap'));
    mkdirSync(join(stagingTargetPath, 'real'));
    let swapping = true;
    const swaps = (async () => {
      const at = (name: string) => join(stagingTargetPath, name);
      while (swapping) {
        renameSync(at('real'), at('spare'));
        renameSync(at('swap'), at('real'));
        renameSync(at('real'), at('swap'));
        renameSync(at('spare'), at('real'));
        await new Promise((resolve) => setImmediate(resolve));
      }
    })();
    for (const group of ['2000', '2001', '2002', '2003']) await publish(group);
    swapping = false;
    await swaps;
    expect([owned(outside), owned(join(outside, 'file'))]).toEqual(before);
    const caller = new AbortController();
    const targetPath = join(place.folder, 'left');
    const request = { volumeId, stagingTargetPath, targetPath, volumeCapability: capabilityOf('5000') };
    const leaving = driver.node.NodePublishVolume(request, { signal: caller.signal });
    caller.abort();
    await expect(leaving).rejects.toEqual(code('CANCELLED'));
    await expect.poll(() => driver.node.NodePublishVolume(request).catch(({ code }) => code)).toEqual({});
    expect(owned(join(targetPath, 'd39/f49'))).toEqual([5000, '664']);
  } finally {
    rmSync(outside, { recursive: true });
  }
});
