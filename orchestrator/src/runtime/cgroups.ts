import { existsSync, readFileSync } from 'node:fs';
import { mkdir, readdir, readFile, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { cri } from '@berth/protos';

const mountPoint = '/sys/fs/cgroup';

/** The machine's control groups: pure v2, or v1 hierarchies (with or without an empty v2 beside them). */
export interface CgroupLayout {
  readonly version: 1 | 2;
  /** v1 hierarchies by controller, `unified` for a v2 one beside them; for pure v2 the one hierarchy under ''. */
  readonly hierarchies: Readonly<Record<string, string>>;
  /** v1 controllers with a v2 hierarchy mounted beside them, which crun refuses. */
  readonly hybrid: boolean;
}

export function detectCgroups(mountinfo = readFileSync('/proc/self/mountinfo', 'utf8')): CgroupLayout {
  const mounts = mountinfo.split('\n').flatMap((line) => {
    const [before = '', after = ''] = line.split(' - ');
    const [fsType = '', , options = ''] = after.split(' ');
    return fsType.startsWith('cgroup')
      ? [{ path: before.split(' ')[4] ?? '', fsType, options: options.split(',') }]
      : [];
  });
  if (mounts.some(({ fsType, path }) => fsType === 'cgroup2' && path === mountPoint)) {
    return { version: 2, hierarchies: { '': mountPoint }, hybrid: false };
  }
  const known =
    /^(cpu|cpuacct|cpuset|memory|devices|freezer|blkio|pids|hugetlb|perf_event|net_cls|net_prio|rdma|misc|name=.*)$/;
  const hierarchies = Object.fromEntries(
    mounts
      .filter(({ fsType }) => fsType === 'cgroup')
      .flatMap(({ path, options }) => options.filter((option) => known.test(option)).map((name) => [name, path])),
  );
  // runc keeps a cgroup in the empty v2 hierarchy too.
  const beside = mounts.find(({ fsType }) => fsType === 'cgroup2')?.path;
  return {
    version: 1,
    hierarchies: { ...hierarchies, ...(beside && { unified: beside }) },
    hybrid: beside !== undefined,
  };
}

/**
 * Roots of the hierarchies by which a service manager finds all processes of a unit or a login session, where this process is in
 * one: what is to outlive us must not stay there (systemd.kill(5), KillMode=control-group).
 */
export function managedHierarchies(layout: CgroupLayout, own = readFileSync('/proc/self/cgroup', 'utf8')): string[] {
  const names = layout.version === 2 ? { '': '' } : { 'name=systemd': 'name=systemd', '': 'unified' };
  return own.split('\n').flatMap((line) => {
    const [, controllers = '', path = '/'] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    const root = path === '/' ? undefined : layout.hierarchies[names[controllers as ''] ?? '-'];
    return root === undefined ? [] : [root];
  });
}

/** Directories of the cgroup `path` in every hierarchy it exists in. */
function cgroupDirectories(layout: CgroupLayout, path: string): string[] {
  return [...new Set(Object.values(layout.hierarchies))].map((root) => join(root, path)).filter((at) => existsSync(at));
}

/** CRI's resources as writes to cgroup files; conversions as runc's and the kubelet's. */
export function cgroupWrites(
  version: 1 | 2,
  resources: cri.LinuxContainerResources,
): [controller: string, file: string, value: string][] {
  const shares = Number(resources.cpuShares);
  const quota = Number(resources.cpuQuota);
  const period = Number(resources.cpuPeriod) || 100_000;
  const memory = Number(resources.memoryLimitInBytes);
  const writes: [string, string, string][] = [];
  if (version === 1) {
    if (shares > 0) writes.push(['cpu', 'cpu.shares', String(shares)]);
    if (quota !== 0)
      writes.push(['cpu', 'cpu.cfs_period_us', String(period)], ['cpu', 'cpu.cfs_quota_us', String(quota)]);
    if (memory > 0) writes.push(['memory', 'memory.limit_in_bytes', String(memory)]);
    return writes;
  }
  if (shares > 0) writes.push(['', 'cpu.weight', String(cpuWeight(shares))]);
  if (quota !== 0) writes.push(['', 'cpu.max', `${quota < 0 ? 'max' : quota} ${period}`]);
  if (memory > 0) writes.push(['', 'memory.max', String(memory)]);
  for (const [file, value] of Object.entries(resources.unified)) writes.push(['', file, value]);
  return writes;
}

/** cpu.shares [2, 262144] onto cpu.weight [1, 10000] (KEP-2254). */
export function cpuWeight(shares: number): number {
  return Math.floor(1 + ((Math.min(262_144, Math.max(2, shares)) - 2) * 9999) / 262_142);
}

/** Makes the cgroup in every hierarchy its limits need and sets them. */
export async function ensureCgroup(
  layout: CgroupLayout,
  path: string,
  resources: cri.LinuxContainerResources,
): Promise<void> {
  const writes = cgroupWrites(layout.version, resources);
  for (const controller of new Set(writes.map(([name]) => name))) {
    const root = layout.hierarchies[controller];
    if (!root) continue;
    await mkdir(join(root, path), { recursive: true });
    if (layout.version === 2) await delegate(root, path);
  }
  for (const [controller, file, value] of writes) {
    const root = layout.hierarchies[controller];
    if (!root || file.includes('/')) continue;
    await writeFile(join(root, path, file), value);
  }
}

/** v2: a controller reaches a cgroup only when every ancestor passes it on. */
async function delegate(root: string, path: string): Promise<void> {
  const ancestors = path.split('/').filter((name) => name !== '');
  for (let depth = 0; depth < ancestors.length; depth++) {
    const at = join(root, ...ancestors.slice(0, depth), 'cgroup.subtree_control');
    for (const controller of ['cpu', 'cpuset', 'memory', 'pids', 'io']) {
      await writeFile(at, `+${controller}`).catch(() => undefined);
    }
  }
}

/** Puts a process into the cgroup, in one hierarchy, where cleanup looks for it. */
export async function joinCgroup(layout: CgroupLayout, path: string, pid: number): Promise<void> {
  const root = layout.hierarchies['pids'] ?? layout.hierarchies['memory'] ?? layout.hierarchies[''];
  if (!root) return;
  await mkdir(join(root, path), { recursive: true });
  await writeFile(join(root, path, 'cgroup.procs'), String(pid));
}

/** Puts a process into cgroup directories, made where missing. */
export async function moveProcess(directories: readonly string[], pid: number): Promise<void> {
  for (const directory of directories) {
    await mkdir(directory, { recursive: true });
    await writeFile(join(directory, 'cgroup.procs'), String(pid));
  }
}

/** The processes in the cgroup and below it. */
export async function cgroupProcesses(layout: CgroupLayout, path: string): Promise<number[]> {
  const found = new Set<number>();
  for (const directory of cgroupDirectories(layout, path)) {
    for (const at of [directory, ...(await below(directory))]) {
      const text = await readFile(join(at, 'cgroup.procs'), 'utf8').catch(() => '');
      for (const line of text.split('\n')) if (Number(line) > 0) found.add(Number(line));
    }
  }
  return [...found];
}

/** Removes the cgroup and those below it, innermost first. @returns false when one is still busy: a process in it is not gone yet. */
export async function removeCgroup(layout: CgroupLayout, path: string): Promise<boolean> {
  for (const directory of cgroupDirectories(layout, path)) {
    const inner = await below(directory);
    for (const at of [...inner.toReversed(), directory]) await rmdir(at).catch(() => undefined);
  }
  return cgroupDirectories(layout, path).length === 0;
}

async function below(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { withFileTypes: true }).catch(() => []);
  const found: string[] = [];
  for (const entry of entries) {
    if (!entry.isDirectory()) continue;
    const at = join(directory, entry.name);
    found.push(at, ...(await below(at)));
  }
  return found;
}
