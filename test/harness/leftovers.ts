import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** What a test of Berth may have left on the machine: mounts, loop devices, containers, namespaces, links, cgroups. One line each. */
export function leftovers(): string[] {
  return [...mounts(), ...loops(), ...processes(), ...links(), ...cgroups()];
}

function mounts(): string[] {
  const lines = readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
  return lines.flatMap((line) => (/berth/.test(line) ? [`mount ${line.split(' ')[4]}`] : []));
}

function loops(): string[] {
  return list('/sys/block').flatMap((name) => {
    const file = `/sys/block/${name}/loop/backing_file`;
    const backing = existsSync(file) ? readFileSync(file, 'utf8').trim() : '';
    return backing.includes('berth') ? [`loop device ${name} (${backing})`] : [];
  });
}

function processes(): string[] {
  return list('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid && Number(name) !== process.ppid)
    .flatMap((pid) => {
      const command = read(`/proc/${pid}/cmdline`).replaceAll('\0', ' ').trim();
      const ours =
        /(^|\/)conmon |dist\/(berth|csi-driver|provisioner)\.js|(csi-driver|berth|provisioner)\/src\/main\.ts|qemu-system-\S+ -name berth/.test(
          command,
        );
      return ours ? [`process ${pid} ${command.slice(0, 120)}`] : [];
    });
}

function links(): string[] {
  return list('/sys/class/net').flatMap((name) =>
    /^(veth|berth|br-?berth)/.test(name) ? [`network link ${name}`] : [],
  );
}

function cgroups(): string[] {
  const roots = ['/sys/fs/cgroup', ...list('/sys/fs/cgroup').map((name) => `/sys/fs/cgroup/${name}`)];
  const found = new Set(
    roots.flatMap((root) =>
      list(root)
        .filter((name) => name.startsWith('berth'))
        .map((name) => `${real(root)}/${name}`),
    ),
  );
  return [...found].map((path) => `cgroup ${path}`);
}

function real(path: string): string {
  try {
    return `/sys/fs/cgroup/${readlinkSync(path)}`;
  } catch {
    return path;
  }
}

function list(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
