import { installedCsiSanity } from '../conformance/csi-sanity.ts';
import { cases as kernelNfs } from './guest/kernel-nfs-cases.ts';
import { cases as kernelNfsMounts } from './guest/kernel-nfs-mount-cases.ts';
import { cases as nfsSanity } from './guest/nfs-sanity-cases.ts';
import { cases as quotaSanity } from './guest/quota-sanity-cases.ts';
import { guestSuite } from './guest-suite.ts';

// Two guests at once slow each other down to less than half, so csi-sanity runs in one, when the other is about to end.
guestSuite({
  files: ['kernel-nfs-cases.ts', 'kernel-nfs-mount-cases.ts', 'quota-sanity-cases.ts', 'nfs-sanity-cases.ts'],
  cases: [...kernelNfs, ...kernelNfsMounts, ...quotaSanity, ...nfsSanity],
  // A volume of csi-sanity has a gigabyte, grown two; they are sparse. The NFS server keeps the third, and the second is for quotas of xfs.
  disksMiB: [16_384, 512, 16_384],
  programs: async () => [await installedCsiSanity()],
});
