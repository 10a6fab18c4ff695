import { existsSync, readFileSync } from 'node:fs';
import { BerthError } from './berth-error.ts';

/** What is asked of the machine; a test has machines of its own. */
export interface MachineFacts {
  readonly uid: number | undefined;
  readonly exists: (path: string) => boolean;
  /** @throws an error where the file is not there. */
  readonly read: (path: string) => string;
}

interface Requirement {
  readonly what: string;
  readonly isThere: (machine: MachineFacts) => boolean;
  readonly hint: string;
}

/** What the kernel must offer; each missing piece is named before anything is started. */
const requirements: readonly Requirement[] = [
  {
    what: 'the overlay filesystem',
    isThere: ({ read }) => /\boverlay\b/.test(read('/proc/filesystems')),
    hint: 'load it: modprobe overlay',
  },
  {
    what: 'network namespaces',
    isThere: ({ exists }) => exists('/proc/self/ns/net'),
    hint: 'use a kernel with CONFIG_NET_NS',
  },
  {
    what: 'PID namespaces',
    isThere: ({ exists }) => exists('/proc/self/ns/pid'),
    hint: 'use a kernel with CONFIG_PID_NS',
  },
  {
    what: 'cgroups',
    isThere: ({ exists }) => exists('/sys/fs/cgroup/cgroup.controllers') || exists('/sys/fs/cgroup/memory'),
    hint: 'mount them: mount -t cgroup2 none /sys/fs/cgroup',
  },
  {
    what: 'Linux 5.12 or newer (mount_setattr)',
    isThere: ({ read }) => {
      const [major = 0, minor = 0] = read('/proc/sys/kernel/osrelease').split('.').map(Number);
      return major > 5 || (major === 5 && minor >= 12);
    },
    hint: 'update the kernel',
  },
];

/** @throws BerthError NotRoot, Missing – with what to do. */
export function checkMachine(machine: MachineFacts = thisMachine()): void {
  if (machine.uid !== 0)
    throw new BerthError('NotRoot', 'berth up mounts and runs containers, which takes root', {
      hint: 'run it as root: sudo npm run up',
    });
  const missing = requirements.find(({ isThere }) => !holds(() => isThere(machine)));
  if (missing) throw new BerthError('Missing', `this kernel lacks ${missing.what}`, { hint: missing.hint });
}

/** A file of the kernel that cannot be read is a feature that is not there. */
function holds(check: () => boolean): boolean {
  try {
    return check();
  } catch {
    return false;
  }
}

function thisMachine(): MachineFacts {
  return { uid: process.getuid?.(), exists: existsSync, read: (path) => readFileSync(path, 'utf8') };
}
