import { access, mkdir, readdir, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { CgroupLimits, PodCgroups } from './pod-cgroups.ts';

/** Cgroups through the cgroup file system: v2, or v1's hierarchies where the machine has those. */
export async function cgroupFiles(root = '/sys/fs/cgroup'): Promise<PodCgroups> {
  if (await exists(join(root, 'cgroup.controllers'))) return version2(root);
  const mounted: string[] = [];
  for (const name of await directoriesIn(root)) if (await exists(join(root, name, 'cgroup.procs'))) mounted.push(name);
  return version1(root, mounted);
}

function version2(root: string): PodCgroups {
  return {
    async ensure(path, limits) {
      let directory = root;
      for (const segment of segmentsOf(path)) {
        // A controller has to be delegated by every ancestor before a child can be limited by it.
        await writeFile(join(directory, 'cgroup.subtree_control'), '+cpu +memory +pids').catch(() => undefined);
        directory = join(directory, segment);
        await mkdir(directory, { recursive: true });
      }
      await set(directory, 'cpu.weight', String(weightOf(limits.cpuShares)));
      await set(directory, 'cpu.max', `${limits.cpuQuotaUs ?? 'max'} ${limits.cpuPeriodUs ?? 100_000}`);
      await set(directory, 'memory.max', String(limits.memoryBytes ?? 'max'));
    },
    remove: (path) => removeTree(join(root, ...segmentsOf(path))),
    children: (path) => directoriesIn(join(root, ...segmentsOf(path))),
  };
}

function version1(root: string, mounted: readonly string[]): PodCgroups {
  const within = (controller: string, path: string) => join(root, controller, ...segmentsOf(path));
  const has = (controller: string) => mounted.includes(controller);
  return {
    async ensure(path, limits) {
      // The runtime makes the others; limits of a pod are in these two.
      for (const controller of ['cpu', 'memory'].filter(has)) {
        await mkdir(within(controller, path), { recursive: true });
      }
      if (has('cpu')) await limitCpu(within('cpu', path), limits);
      if (has('memory')) await set(within('memory', path), 'memory.limit_in_bytes', String(limits.memoryBytes ?? -1));
    },
    async remove(path) {
      for (const controller of mounted) await removeTree(within(controller, path));
    },
    async children(path) {
      const names = await Promise.all(mounted.map((controller) => directoriesIn(within(controller, path))));
      return [...new Set(names.flat())];
    },
  };
}

async function limitCpu(directory: string, limits: CgroupLimits): Promise<void> {
  await set(directory, 'cpu.shares', String(limits.cpuShares));
  await set(directory, 'cpu.cfs_period_us', String(limits.cpuPeriodUs ?? 100_000));
  await set(directory, 'cpu.cfs_quota_us', String(limits.cpuQuotaUs ?? -1));
}

/** Shares (2 to 262144) as v2's weight (1 to 10000), by the formula container runtimes agreed on. */
function weightOf(shares: number): number {
  return Math.floor(1 + ((shares - 2) * 9999) / 262_142);
}

/** A kernel built without a file (CFS bandwidth, say) has no such limit to set. */
async function set(directory: string, file: string, value: string): Promise<void> {
  await writeFile(join(directory, file), value).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT' && error.code !== 'EACCES') throw error;
  });
}

async function removeTree(directory: string): Promise<void> {
  for (const name of await directoriesIn(directory)) await removeTree(join(directory, name));
  await rmdir(directory).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
  });
}

async function directoriesIn(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
}

/** Path segments without anything that could leave the root. */
function segmentsOf(path: string): string[] {
  return path.split('/').filter((segment) => segment !== '' && segment !== '.' && segment !== '..');
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
