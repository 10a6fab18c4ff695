import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { release } from 'node:os';
import { linuxMounter } from '@berth/linux';
import type { GuestCase } from './guest-case.ts';

export const cases: readonly GuestCase[] = [
  {
    name: 'a guest runs Debian’s kernel with a disk of its own',
    run: async () => {
      assert.match(release(), /cloud-amd64$/);
      execFileSync('mkfs.ext4', ['-q', '/dev/vdc']);
      linuxMounter.mount({ fsType: 'ext4', source: '/dev/vdc', target: '/mnt' });
      assert.equal(linuxMounter.mounts().at(-1)?.fsType, 'ext4');
      linuxMounter.unmount('/mnt');
    },
  },
];
