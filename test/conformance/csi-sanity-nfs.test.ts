import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '@berth/kit';
import { expect, test } from 'vitest';
import { driverFolder, startDriverProcess } from '../harness/driver-process.ts';
import { Ganesha } from '../harness/ganesha.ts';
import { installedCsiSanity, runCsiSanity } from './csi-sanity.ts';

/** At least as many as an earlier version of the driver was measured with: a capability that is lost shows. */
const leastCases = 71;

test('csi-sanity passes twice in a row on an nfs share and leaves nothing behind, here or there', async () => {
  const program = await installedCsiSanity();
  await using server = await Ganesha.start();
  using place = driverFolder();
  const { endpoint, folder } = place;
  await using driver = await startDriverProcess(folder);
  const parameters = { backend: 'nfs', server: server.host, share: server.export };
  for (const round of ['first', 'second']) {
    const { passed, failed, output } = await runCsiSanity({ program, endpoint, folder, parameters });
    expect({ round, failed }, output.slice(-8000)).toEqual({ round, failed: 0 });
    expect(passed).toBeGreaterThanOrEqual(leastCases);
  }
  expect(place.mounts()).toEqual([]);
  expect(readdirSync(join(folder, 'pool/nfs/staged'))).toEqual([]);
  const left = () => [...readdirSync(server.root), ...insideOwn(server.root)].filter((name) => name !== '.berth');
  while (left().length > 0) await systemClock.sleep(50);
  expect(driver.log()).not.toContain('INTERNAL');
});

/** What is in the driver's own folders of a share. */
function insideOwn(root: string): string[] {
  return ['volumes', 'snapshots', 'making', 'trash'].flatMap((name) => {
    const path = join(root, '.berth', name);
    return existsSync(path) ? readdirSync(path) : [];
  });
}
