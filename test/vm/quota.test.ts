import { cases as directoryQuota } from './guest/directory-quota-cases.ts';
import { cases as images } from './guest/image-cases.ts';
import { cases as machine } from './guest/machine-cases.ts';
import { cases as projectQuota } from './guest/project-quota-cases.ts';
import { guestSuite } from './guest-suite.ts';

guestSuite({
  files: ['machine-cases.ts', 'project-quota-cases.ts', 'directory-quota-cases.ts', 'image-cases.ts'],
  cases: [...machine, ...projectQuota, ...directoryQuota, ...images],
  disksMiB: [512, 512],
});
