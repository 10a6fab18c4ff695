import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FakeClock, systemClock } from '@berth/kit';
import { linuxMounter } from '@berth/linux';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ensureStagingDirectory } from '../../volume-manager/src/plugins/csi/csi-device.ts';
import { prepareInChild } from '../../volume-manager/src/sub-path/prepare-in-child.ts';
import { type FuseShare, mountShare } from '../harness/fuse-share.ts';
import { Ganesha } from '../harness/ganesha.ts';

let server: Ganesha;
let share: FuseShare;
beforeAll(async () => {
  server = await Ganesha.start();
  share = await mountShare({ server: server.host, share: server.export, subDir: '' });
});
afterAll(async () => {
  await share?.[Symbol.asyncDispose]();
  await server?.[Symbol.asyncDispose]();
});

/** A place for bind mounts; disposing takes them off. */
function aPlace() {
  const folder = mkdtempSync(join(tmpdir(), 'berth-sub-path-'));
  return {
    target: (name: string) => join(folder, name, '0'),
    mounts: () => linuxMounter.mounts().filter(({ mountPoint }) => mountPoint.startsWith(`${folder}/`)),
    [Symbol.dispose]() {
      for (const { mountPoint } of this.mounts()) linuxMounter.unmount(mountPoint, { lazy: true });
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

test('a subPath of a share is made and bound by a child, and what leads out of it is refused', async () => {
  using place = aPlace();
  const volume = share.path;
  await prepareInChild({ volume, subPath: 'a/b', target: place.target('made'), readOnly: false }, systemClock);
  writeFileSync(join(place.target('made'), 'file'), 'x');
  expect(readFileSync(join(server.root, 'a/b/file'), 'utf8')).toBe('x');
  const file = { volume, subPath: 'a/b/file', target: place.target('file'), readOnly: true };
  await prepareInChild(file, systemClock);
  await prepareInChild(file, systemClock);
  expect(() => writeFileSync(place.target('file'), 'y')).toThrow('EROFS');
  symlinkSync('/etc', join(volume, 'out'));
  for (const subPath of ['out', 'out/below']) {
    const led = prepareInChild({ volume, subPath, target: place.target('led'), readOnly: false }, systemClock);
    await expect(led).rejects.toMatchObject({ step: expect.stringMatching(/create|bind/) });
  }
  expect(place.mounts()).toHaveLength(2);
});

test('a server that goes away meanwhile keeps a child, and not who asked', async () => {
  using place = aPlace();
  mkdirSync(join(share.path, 'there'));
  await server.killServer();
  try {
    const clock = new FakeClock();
    const request = { volume: share.path, subPath: 'there/deep', target: place.target('never'), readOnly: false };
    const asked = expect(prepareInChild(request, clock)).rejects.toThrow(/does not answer/);
    let ticks = 0;
    const ticking = (async () => {
      for (; ticks < 20; ticks++) await systemClock.sleep(10);
    })();
    await ticking;
    await clock.advance(20_000);
    await asked;
    expect([ticks, place.mounts()]).toEqual([20, []]);
    // A restarted kubelet stages what is staged once more.
    await ensureStagingDirectory(share.path);
  } finally {
    await server.startServer();
  }
  // The share lives on.
  expect(readdirSync(share.path)).toContain('there');
});
