import { cases } from './guest/kernel-nfs-mount-cases.ts';
import { guestSuite } from './guest-suite.ts';

guestSuite({ files: ['kernel-nfs-mount-cases.ts'], cases, disksMiB: [512, 512, 512] });
