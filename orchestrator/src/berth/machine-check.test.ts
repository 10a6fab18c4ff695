import { expect, test } from 'vitest';
import { checkMachine, type MachineFacts } from './machine-check.ts';

interface Given {
  readonly uid?: number;
  readonly files?: Readonly<Record<string, string | undefined>>;
}

const goodFiles = {
  '/proc/filesystems': 'nodev\tproc\nnodev\toverlay\n\text4\n',
  '/proc/self/ns/net': '',
  '/proc/self/ns/pid': '',
  '/sys/fs/cgroup/cgroup.controllers': 'cpu memory',
  '/proc/sys/kernel/osrelease': '6.1.0-18-amd64\n',
};

function aMachine({ uid = 0, files = {} }: Given = {}): MachineFacts {
  const all: Record<string, string | undefined> = { ...goodFiles, ...files };
  return {
    uid,
    exists: (path) => all[path] !== undefined,
    read: (path) => {
      const text = all[path];
      if (text === undefined) throw new Error(`ENOENT: ${path}`);
      return text;
    },
  };
}

test('a machine with all that berth needs passes', () => {
  expect(() => checkMachine(aMachine())).not.toThrow();
  const oldCgroups = { '/sys/fs/cgroup/cgroup.controllers': undefined, '/sys/fs/cgroup/memory': '' };
  expect(() => checkMachine(aMachine({ files: oldCgroups }))).not.toThrow();
});

test('without root it says so', () => {
  expect(() => checkMachine(aMachine({ uid: 1000 }))).toThrow(
    expect.objectContaining({ code: 'NotRoot', hint: 'run it as root: sudo npm run up' }),
  );
});

for (const [path, text, missing] of [
  ['/proc/filesystems', 'nodev\tproc\n\text4\n', 'the overlay filesystem'],
  ['/proc/filesystems', undefined, 'the overlay filesystem'],
  ['/proc/self/ns/net', undefined, 'network namespaces'],
  ['/proc/self/ns/pid', undefined, 'PID namespaces'],
  ['/sys/fs/cgroup/cgroup.controllers', undefined, 'cgroups'],
  ['/proc/sys/kernel/osrelease', '5.11.22-generic\n', 'Linux 5.12 or newer (mount_setattr)'],
  ['/proc/sys/kernel/osrelease', '4.19.0\n', 'Linux 5.12 or newer (mount_setattr)'],
] as const) {
  test(`a kernel with ${path} ${text === undefined ? 'missing' : JSON.stringify(text)} lacks ${missing}`, () => {
    const machine = aMachine({ files: { [path]: text } });
    expect(() => checkMachine(machine)).toThrow(
      expect.objectContaining({
        code: 'Missing',
        message: `this kernel lacks ${missing}`,
        hint: expect.stringMatching(/./),
      }),
    );
  });
}
