import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { driverFolder } from '../../harness/driver-process.ts';
import { csiSanityHere } from './csi-sanity-here.ts';
import { startDriverHere } from './driver-here.ts';
import type { GuestCase } from './guest-case.ts';
import { runningKernelNfs } from './kernel-nfs-server.ts';

export const cases: readonly GuestCase[] = [
  {
    name: 'csi-sanity passes on an nfs share that the kernel serves and mounts, and leaves no mount behind',
    run: async () => {
      const server = runningKernelNfs();
      // A share of its own: volumes of other cases would come into the driver's list with the first of ours.
      const share = '/sanity';
      mkdirSync(join(server.root, share), { mode: 0o777 });
      using place = driverFolder();
      await using driver = await startDriverHere(place.folder);
      await csiSanityHere(place.folder, { backend: 'nfs', server: server.host, share, nfsvers: '4.2' });
      assert.deepEqual(place.mounts(), []);
      assert.ok(!driver.log().includes('INTERNAL'));
    },
  },
];
