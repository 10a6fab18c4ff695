import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { driverFolder, startDriverProcess } from '../harness/driver-process.ts';
import { installedCsiSanity, runCsiSanity } from './csi-sanity.ts';

/** Cases of csi-sanity 5.6.0 for what the driver offers; the others need attaching, modifying, groups or health. */
const expectedCases = 71;

let program = '';
beforeAll(async () => {
  program = await installedCsiSanity();
});

test('csi-sanity passes twice in a row on one pool and leaves nothing behind', async () => {
  using place = driverFolder();
  await using driver = await startDriverProcess(place.folder);
  for (const round of ['first', 'second']) {
    const { passed, failed, output } = await runCsiSanity(program, place.endpoint, place.folder);
    expect({ round, passed, failed }, output.slice(-8000)).toEqual({ round, passed: expectedCases, failed: 0 });
  }
  expect(place.mounts()).toEqual([]);
  expect(readdirSync(join(place.folder, 'pool/volumes'))).toEqual([]);
  expect(driver.log()).not.toContain('INTERNAL');
});

test('csi-sanity passes after a kill -9 and restart on the same pool', async () => {
  using place = driverFolder();
  const first = await startDriverProcess(place.folder);
  await runCsiSanity(program, place.endpoint, place.folder);
  await first.kill();
  await using _second = await startDriverProcess(place.folder);
  const { failed, passed, output } = await runCsiSanity(program, place.endpoint, place.folder);
  expect({ passed, failed }, output.slice(-8000)).toEqual({ passed: expectedCases, failed: 0 });
});
