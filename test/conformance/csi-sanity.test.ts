import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { startDriverProcess } from '../harness/driver-process.ts';
import { imageFolder } from '../harness/image-driver.ts';
import { installedCsiSanity, runCsiSanity } from './csi-sanity.ts';

/** All cases of csi-sanity 5.6.0 but the one it has put aside itself. */
const allCases = 102;

/** Of these, the ones about volumes that are attached first. */
const attachCases = 10;

/** With everything offered that can be, and a limit low enough to be met. */
const attaching = ['--attach', '--max-volumes-per-node', '4'];

let program = '';
beforeAll(async () => {
  program = await installedCsiSanity();
});

interface Kind {
  readonly mutableParameters?: Record<string, string>;
  readonly parameters?: Record<string, string>;
  readonly access?: 'block';
  readonly poolFs?: 'btrfs';
}

const classes: Record<string, Kind> = {
  directories: { mutableParameters: { onDelete: 'trash', trashTTL: '1s' } },
  'images with a filesystem': { parameters: { backend: 'image' }, mutableParameters: { provisioning: 'reserved' } },
  'images as block devices': { parameters: { backend: 'image' }, access: 'block' },
  'reserved images': {
    parameters: { backend: 'image', provisioning: 'reserved' },
    mutableParameters: { provisioning: 'thin' },
  },
  subvolumes: { parameters: { backend: 'btrfs' }, poolFs: 'btrfs' },
};

for (const [what, { poolFs, ...kind }] of Object.entries(classes)) {
  test(`csi-sanity passes twice in a row on one pool with ${what} and leaves nothing behind`, async () => {
    await using place = await imageFolder(poolFs, 8192);
    const { endpoint, folder, pool } = place;
    await using driver = await startDriverProcess(folder, attaching);
    for (const round of ['first', 'second']) {
      const { output, ...counts } = await runCsiSanity({ program, endpoint, folder, ...kind });
      expect({ round, ...counts }, output.slice(-8000)).toEqual({ round, passed: allCases, failed: 0, skipped: 0 });
    }
    expect(place.mounts().filter(({ mountPoint }) => mountPoint !== pool)).toEqual([]);
    await expect.poll(place.loops).toEqual([]);
    const folders = readdirSync(pool).filter((name) => /volumes$|snapshots$|^images$/.test(name));
    expect(folders.length).toBeGreaterThan(3);
    // Some were kept in the trash for a second.
    for (const name of folders) await expect.poll(() => readdirSync(join(pool, name))).toEqual([]);
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
  const { output, ...counts } = await runCsiSanity({ program, endpoint, folder });
  // Without --attach nothing is attached, and nothing else is left out.
  const own = { passed: allCases - attachCases, failed: 0, skipped: attachCases };
  expect(counts, output.slice(-8000)).toEqual(own);
});
