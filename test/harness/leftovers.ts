import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { basename, join } from 'node:path';
import { runtimeIdentity } from '../../orchestrator/src/runtime/state-layout.ts';
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

/** Of `lines`, by default all that is left, what names an owned directory, or is named for a runtime in it. */
export function leftoversBelow(directory: string, lines = leftovers()): string[] {
  const names = [`${directory}/`, ...stateDirsOf(directory).map((stateDir) => runtimeIdentity(stateDir).tag)];
  const isMount = `mount ${directory}`;
  return lines.filter((line) => line === isMount || names.some((name) => line.includes(name)));
}

/** Of a runtime alone, of each node there is, and of the first nodes where the directory is gone and only its name is left. */
export function stateDirsOf(directory: string): string[] {
  const names = new Set(['node-1', 'node-2', 'node-3', ...nodesOf(directory)]);
  return [join(directory, 'runtime'), ...[...names].map((name) => join(directory, 'nodes', name, 'runtime'))];
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
        /(^|\/)conmon |dist\/(berth|csi-driver|provisioner)\.js|(csi-driver|berth|provisioner)\/src\/main\.ts|\/berth-(etcd|ganesha|kube-apiserver)-|qemu-system-\S+ -name berth/.test(
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
