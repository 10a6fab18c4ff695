import { join } from 'node:path';
import { installedCsiSanity } from '../conformance/csi-sanity.ts';
import { cases } from './guest/sanity-cases.ts';
import { guestSuite } from './guest-suite.ts';

guestSuite({
  file: join(import.meta.dirname, 'guest/sanity-cases.ts'),
  cases,
  // A volume of csi-sanity has a gigabyte, grown two; they are sparse.
  disksMiB: [16_384, 16_384],
  programs: async () => [await installedCsiSanity()],
});
