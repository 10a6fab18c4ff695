import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { runCsiSanity } from '../../conformance/csi-sanity.ts';
import { driverFolder } from '../../harness/driver-process.ts';
import { driverPlace } from './csi-calls.ts';
import { startDriverHere } from './driver-here.ts';
import type { GuestCase } from './guest-case.ts';
import { runningKernelNfs } from './kernel-nfs-server.ts';

/** At least as many as an earlier version of the driver was measured with: a capability that is lost shows. */
const leastCases = 71;

async function sanity(folder: string, parameters: Record<string, string>): Promise<void> {
  const endpoint = `unix://${folder}/csi.sock`;
  for (const round of ['first', 'second']) {
    const program = '/usr/bin/csi-sanity';
    const { passed, failed, output } = await runCsiSanity({ program, endpoint, folder, parameters });
    assert.equal(failed, 0, `${round}: ${output.slice(-8000)}`);
    assert.ok(passed >= leastCases, `${round}: ${passed} cases`);
  }
}

export const cases: readonly GuestCase[] = [
  {
    name: 'csi-sanity passes twice in a row with directories of required quota, and leaves nothing behind',
    run: async () => {
      using here = driverPlace('ext4');
      await using driver = await startDriverHere(here.folder);
      await sanity(here.folder, { quota: 'required' });
      for (const name of ['volumes', 'snapshots']) assert.deepEqual(readdirSync(join(here.pool, name)), []);
      assert.ok(!driver.log().includes('INTERNAL'));
    },
  },
  {
    name: 'csi-sanity passes twice in a row on an nfs share that the kernel serves and mounts, and leaves no mount behind',
    run: async () => {
      const server = runningKernelNfs();
      using place = driverFolder();
      await using driver = await startDriverHere(place.folder);
      await sanity(place.folder, { backend: 'nfs', server: server.host, share: server.share, nfsvers: '4.2' });
      assert.deepEqual(place.mounts(), []);
      assert.ok(!driver.log().includes('INTERNAL'));
    },
  },
];
