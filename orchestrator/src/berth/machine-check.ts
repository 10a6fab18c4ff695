import { existsSync, readFileSync } from 'node:fs';
import { BerthError } from './berth-error.ts';

interface Requirement {
  readonly what: string;
  readonly isThere: () => boolean;
  readonly hint: string;
}

const filesystems = () => readFileSync('/proc/filesystems', 'utf8');

/** What the kernel must offer; each missing piece is named before anything is started. */
const requirements: readonly Requirement[] = [
  {
    what: 'the overlay filesystem',
    isThere: () => /\boverlay\b/.test(filesystems()),
    hint: 'load it: modprobe overlay',
  },
  {
    what: 'network namespaces',
    isThere: () => existsSync('/proc/self/ns/net'),
    hint: 'use a kernel with CONFIG_NET_NS',
  },
  { what: 'PID namespaces', isThere: () => existsSync('/proc/self/ns/pid'), hint: 'use a kernel with CONFIG_PID_NS' },
  {
    what: 'cgroups',
    isThere: () => existsSync('/sys/fs/cgroup/cgroup.controllers') || existsSync('/sys/fs/cgroup/memory'),
    hint: 'mount them: mount -t cgroup2 none /sys/fs/cgroup',
  },
  {
    what: 'Linux 5.12 or newer (mount_setattr)',
    isThere: () => {
      const [major = 0, minor = 0] = readFileSync('/proc/sys/kernel/osrelease', 'utf8').split('.').map(Number);
      return major > 5 || (major === 5 && minor >= 12);
    },
    hint: 'update the kernel',
  },
];

/** @throws BerthError NotRoot, Missing – with what to do. */
export function checkMachine(): void {
  if (process.getuid?.() !== 0)
    throw new BerthError('NotRoot', 'berth up mounts and runs containers, which takes root', {
      hint: 'run it with sudo',
    });
  const missing = requirements.find(({ isThere }) => !isThere());
  if (missing) throw new BerthError('Missing', `this kernel lacks ${missing.what}`, { hint: missing.hint });
}
