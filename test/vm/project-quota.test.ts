import { join } from 'node:path';
import { cases } from './guest/project-quota-cases.ts';
import { guestSuite } from './guest-suite.ts';

guestSuite({ file: join(import.meta.dirname, 'guest/project-quota-cases.ts'), cases, disksMiB: [512, 512] });
