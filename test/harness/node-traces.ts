import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { firewallLines } from './firewall-chains.ts';

/** A process that cannot be mistaken for a later one with its number. */
export interface Life {
  readonly pid: number;
  readonly startTicks: string;
}

/** What one node of a data directory has on this machine, read from the kernel and the disk alone. */
export class NodeTraces {
  readonly root: string;
  readonly #tag: string;

  constructor(dataDir: string, node = 'node-1') {
    this.root = join(dataDir, 'nodes', node);
    this.#tag = createHash('sha256').update(join(this.root, 'runtime')).digest('hex').slice(0, 8);
  }

  /** Mount points below the node's folder, once for every mount stacked there, shortened to begin at it. */
  mounts(): string[] {
    return readFileSync('/proc/self/mountinfo', 'utf8')
      .split('\n')
      .flatMap((line) => line.split(' ')[4] ?? [])
      .filter((path) => path.startsWith(`${this.root}/`))
      .map((path) => path.slice(this.root.length + 1))
      .sort();
  }

  /** Ids of the containers whose monitors run. */
  monitored(): string[] {
    return commandLines()
      .filter((args) => args[0]?.endsWith('/conmon') && args.some((arg) => arg.startsWith(`${this.root}/`)))
      .flatMap((args) => args[args.indexOf('-c') + 1] ?? [])
      .sort();
  }

  /** Programs that make containers and networks, still at work. */
  makers(): string[] {
    return commandLines()
      .filter((args) => /\/(runc|crun|unshare|bridge|host-local)$/.test(`/${args[0]}`))
      .filter((args) => args.some((arg) => arg.includes(this.root)))
      .map((args) => args.join(' '));
  }

  sandboxes(): string[] {
    return list(join(this.root, 'runtime/sandboxes'));
  }

  containers(): string[] {
    return list(join(this.root, 'runtime/containers'));
  }

  podDirectories(): string[] {
    return list(join(this.root, 'kubelet/pods'));
  }

  /** Directories of volumes in the pool. */
  volumes(): string[] {
    return list(join(this.root, 'pool/volumes'));
  }

  trash(): string[] {
    return list(join(this.root, 'pool/trash'));
  }

  /** Uids of pods that have a cgroup in any hierarchy. */
  podCgroups(): string[] {
    const roots = ['/sys/fs/cgroup', ...list('/sys/fs/cgroup').map((name) => `/sys/fs/cgroup/${name}`)];
    const found = roots.flatMap((root) => folders(`${root}/berth-${this.#tag}`));
    return [...new Set(found.flatMap((path) => /\/pod([0-9a-f-]{36})$/.exec(path)?.[1] ?? []))].sort();
  }

  /** Interfaces on the node's bridge. */
  links(): string[] {
    return list(`/sys/class/net/berth${this.#tag}/brif`);
  }

  /** Addresses taken from the node's range. */
  addresses(): string[] {
    return list(join(this.root, 'runtime/cni', `berth-${this.#tag}`)).filter((name) => /^[\d.]+$/.test(name));
  }

  /** Everything of it that only a running machine has; nothing after `berth down`. */
  all(): string[] {
    return [
      ...this.mounts().map((path) => `mount ${path}`),
      ...this.monitored().map((id) => `monitor of ${id}`),
      ...this.makers(),
      ...this.podCgroups().map((uid) => `cgroup of pod ${uid}`),
      ...this.links().map((name) => `link ${name}`),
      ...(existsSync(`/sys/class/net/berth${this.#tag}`) ? ['bridge'] : []),
      ...firewallLines()
        .filter((line) => line.includes(this.#tag))
        .map((line) => `firewall ${line}`),
    ];
  }

  /** The first process of a container, as its monitor wrote it down. */
  firstProcess(containerId: string): Life | undefined {
    return lifeOf(Number(read(join(this.root, 'runtime/containers', containerId, 'container.pid'))));
  }
}

export function lifeOf(pid: number): Life | undefined {
  const stat = pid > 0 ? read(`/proc/${pid}/stat`) : '';
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return stat === '' || fields[0] === 'Z' ? undefined : { pid, startTicks: fields[19] ?? '' };
}

export function isSame(life: Life): boolean {
  return lifeOf(life.pid)?.startTicks === life.startTicks;
}

/** Pids of the CSI drivers of a data directory. */
export function driversOf(dataDir: string): number[] {
  return list('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      const args = read(`/proc/${pid}/cmdline`).split('\0');
      return args.some((arg) => arg.startsWith(`unix://${dataDir}/`)) && args.some((arg) => arg.includes('csi-driver'));
    });
}

function commandLines(): string[][] {
  return list('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => read(`/proc/${pid}/cmdline`).split('\0'));
}

function folders(path: string): string[] {
  return list(path).flatMap((name) => {
    const at = join(path, name);
    return existsSync(join(at, 'cgroup.procs')) ? [at, ...folders(at)] : [];
  });
}

function list(path: string): string[] {
  try {
    return readdirSync(path).sort();
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
