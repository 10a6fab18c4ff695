import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { startDriverProcess } from '../harness/driver-process.ts';
import { imageFolder } from '../harness/image-driver.ts';
import { installedCsiSanity, runCsiSanity } from './csi-sanity.ts';

/** Cases of csi-sanity 5.6.0 for what the driver offers; the others need attaching, modifying, groups or health. */
const expectedCases = 71;

let program = '';
beforeAll(async () => {
  program = await installedCsiSanity();
});

interface Kind {
  readonly parameters?: Record<string, string>;
  readonly access?: 'block';
  readonly poolFs?: 'btrfs';
}

const classes: Record<string, Kind> = {
  directories: {},
  'images with a filesystem': { parameters: { backend: 'image' } },
  'images as block devices': { parameters: { backend: 'image' }, access: 'block' },
  'reserved images': { parameters: { backend: 'image', provisioning: 'reserved' } },
  subvolumes: { parameters: { backend: 'btrfs' }, poolFs: 'btrfs' },
};

for (const [what, { poolFs, ...kind }] of Object.entries(classes)) {
  test(`csi-sanity passes twice in a row on one pool with ${what} and leaves nothing behind`, async () => {
    await using place = await imageFolder(poolFs, 8192);
    const { endpoint, folder, pool } = place;
    await using driver = await startDriverProcess(folder);
    for (const round of ['first', 'second']) {
      const { passed, failed, output } = await runCsiSanity({ program, endpoint, folder, ...kind });
      expect({ round, passed, failed }, output.slice(-8000)).toEqual({ round, passed: expectedCases, failed: 0 });
    }
    expect(place.mounts().filter(({ mountPoint }) => mountPoint !== pool)).toEqual([]);
    expect(place.loops()).toEqual([]);
    const folders = readdirSync(pool).filter((name) => /volumes$|snapshots$|^images$/.test(name));
    expect(folders.length).toBeGreaterThan(3);
    for (const name of folders) expect(readdirSync(join(pool, name))).toEqual([]);
    expect(driver.log()).not.toContain('INTERNAL');
  });
}

test('csi-sanity passes after a kill -9 and restart on the same pool', async () => {
  await using place = await imageFolder();
  const { endpoint, folder } = place;
  const first = await startDriverProcess(folder);
  await runCsiSanity({ program, endpoint, folder });
  await first.kill();
  await using _second = await startDriverProcess(folder);
  const { failed, passed, output } = await runCsiSanity({ program, endpoint, folder });
  expect({ passed, failed }, output.slice(-8000)).toEqual({ passed: expectedCases, failed: 0 });
});
