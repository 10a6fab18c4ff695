import { join } from 'node:path';
import { cases } from './guest/kernel-nfs-cases.ts';
import { guestSuite } from './guest-suite.ts';

guestSuite({ file: join(import.meta.dirname, 'guest/kernel-nfs-cases.ts'), cases, disksMiB: [2048] });
