import { join } from 'node:path';
import { cases } from './guest/directory-quota-cases.ts';
import { guestSuite } from './guest-suite.ts';

guestSuite({ file: join(import.meta.dirname, 'guest/directory-quota-cases.ts'), cases, disksMiB: [512, 512, 512] });
