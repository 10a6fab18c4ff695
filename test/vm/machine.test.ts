import { join } from 'node:path';
import { cases } from './guest/machine-cases.ts';
import { guestSuite } from './guest-suite.ts';

guestSuite({ file: join(import.meta.dirname, 'guest/machine-cases.ts'), cases, disksMiB: [512] });
