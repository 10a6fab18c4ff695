import { installedCsiSanity } from '../conformance/csi-sanity.ts';
import { cases as kernelNfs } from './guest/kernel-nfs-cases.ts';
import { cases as kernelNfsMounts } from './guest/kernel-nfs-mount-cases.ts';
import { cases as sanity } from './guest/nfs-sanity-cases.ts';
import { guestSuite } from './guest-suite.ts';

guestSuite({
  files: ['kernel-nfs-cases.ts', 'kernel-nfs-mount-cases.ts', 'nfs-sanity-cases.ts'],
  cases: [...kernelNfs, ...kernelNfsMounts, ...sanity],
  // The NFS server keeps the third, on which a volume of csi-sanity has a gigabyte, grown two; it is sparse.
  disksMiB: [512, 512, 16_384],
  programs: async () => [await installedCsiSanity()],
});
