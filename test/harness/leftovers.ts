import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { basename, join } from 'node:path';
import { firewallLines } from './firewall-chains.ts';
import { driversOf, NodeTraces } from './node-traces.ts';

/** What a test of Berth may have left on the machine: mounts, loop devices, containers, namespaces, links, firewall rules, cgroups. One line each. */
export function leftovers(): string[] {
  const rules = firewallLines().map((line) => `firewall ${line}`);
  return [...mounts(), ...loops(), ...processes(), ...links(), ...rules, ...cgroups()];
}

/** What this machine still has of one data directory; `nodes` are those it had, since their folders may be gone. */
export function leftoversOf(dataDir: string, nodes: readonly string[]): string[] {
  const drivers = driversOf(dataDir).map((pid) => `CSI driver ${pid}`);
  const below = [...mounts(), ...loops()].filter((line) => line.includes(`${dataDir}/`));
  return [...new Set([...nodes.flatMap((node) => new NodeTraces(dataDir, node).all()), ...drivers, ...below])];
}

/** The nodes of a data directory, while it is there. */
export function nodesOf(dataDir: string): string[] {
  return list(join(dataDir, 'nodes'));
}

function mounts(): string[] {
  const lines = readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
  return lines.flatMap((line) => (/berth/.test(line) ? [`mount ${line.split(' ')[4]}`] : []));
}

function loops(): string[] {
  return list('/sys/block').flatMap((name) => {
    // A device that is being detached has the file, and no answer to a read of it.
    const backing = read(`/sys/block/${name}/loop/backing_file`).trim();
    return backing.includes('berth') ? [`loop device ${name} (${backing})`] : [];
  });
}

function processes(): string[] {
  return list('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid && Number(name) !== process.ppid)
    .flatMap((pid) => {
      const command = read(`/proc/${pid}/cmdline`).replaceAll('\0', ' ').trim();
      const ours =
        /(^|\/)conmon |dist\/(berth|csi-driver|provisioner)\.js|(csi-driver|berth|provisioner)\/src\/main\.ts|--data-dir \S*berth-etcd-|qemu-system-\S+ -name berth/.test(
          command,
        );
      return ours ? [`process ${pid} ${command.slice(0, 300)}`] : [];
    });
}

function links(): string[] {
  return list('/sys/class/net').flatMap((name) =>
    /^berth/.test(name) || (name.startsWith('veth') && isOurs(name)) ? [`network link ${name}`] : [],
  );
}

/** On a bridge of ours, or on none, as one that is half made. */
function isOurs(name: string): boolean {
  try {
    return basename(readlinkSync(`/sys/class/net/${name}/master`)).startsWith('berth');
  } catch {
    return true;
  }
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
