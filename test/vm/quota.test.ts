import { installedCsiSanity } from '../conformance/csi-sanity.ts';
import { cases as directoryQuota } from './guest/directory-quota-cases.ts';
import { cases as images } from './guest/image-cases.ts';
import { cases as machine } from './guest/machine-cases.ts';
import { cases as projectQuota } from './guest/project-quota-cases.ts';
import { cases as sanity } from './guest/quota-sanity-cases.ts';
import { guestSuite } from './guest-suite.ts';

guestSuite({
  files: [
    'machine-cases.ts',
    'project-quota-cases.ts',
    'directory-quota-cases.ts',
    'image-cases.ts',
    'quota-sanity-cases.ts',
  ],
  cases: [...machine, ...projectQuota, ...directoryQuota, ...images, ...sanity],
  disksMiB: [512, 512, 16_384],
  programs: async () => [await installedCsiSanity()],
});
