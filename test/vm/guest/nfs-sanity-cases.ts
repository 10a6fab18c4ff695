import assert from 'node:assert/strict';
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
      using place = driverFolder();
      await using driver = await startDriverHere(place.folder);
      await csiSanityHere(place.folder, { backend: 'nfs', server: server.host, share: server.share, nfsvers: '4.2' });
      assert.deepEqual(place.mounts(), []);
      assert.ok(!driver.log().includes('INTERNAL'));
    },
  },
];
