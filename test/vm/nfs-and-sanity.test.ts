import { installedCsiSanity } from '../conformance/csi-sanity.ts';
import { cases as kernelNfs } from './guest/kernel-nfs-cases.ts';
import { cases as kernelNfsMounts } from './guest/kernel-nfs-mount-cases.ts';
import { cases as sanity } from './guest/sanity-cases.ts';
import { guestSuite } from './guest-suite.ts';

guestSuite({
  files: ['kernel-nfs-cases.ts', 'kernel-nfs-mount-cases.ts', 'sanity-cases.ts'],
  cases: [...kernelNfs, ...kernelNfsMounts, ...sanity],
  // A volume of csi-sanity has a gigabyte, grown two; they are sparse. The NFS server keeps the third, and the second is for quotas of xfs.
  disksMiB: [16_384, 512, 16_384],
  programs: async () => [await installedCsiSanity()],
});
