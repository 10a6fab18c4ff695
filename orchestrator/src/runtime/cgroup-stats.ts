import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { CgroupLayout } from './cgroups.ts';
import { type Pressures, readPressures } from './pressure.ts';

export interface CgroupUsage {
  readonly cpuNanoseconds: number;
  readonly memoryUsageBytes: number;
  /** Usage without file cache that can be dropped at once: what limits and evictions go by. */
  readonly workingSetBytes: number;
  readonly rssBytes: number;
  readonly pageFaults: number;
  readonly majorPageFaults: number;
  readonly swapBytes: number;
  /** Absent: there is no limit. */
  readonly memoryLimitBytes?: number;
  readonly swapLimitBytes?: number;
  readonly processes: number;
  /** v2's alone tell. */
  readonly pressure?: Pressures;
}

/** What the cgroup and all below it use; undefined where it is gone. */
export async function cgroupUsage(layout: CgroupLayout, path: string): Promise<CgroupUsage | undefined> {
  const read = cgroupReader(layout, path);
  return layout.version === 2 ? usageV2(read) : usageV1(read);
}

/** A file of the cgroup, of that controller where each has its own hierarchy; empty where there is none. */
export type ReadCgroup = (controller: string, file: string) => Promise<string>;

export function cgroupReader(layout: CgroupLayout, path: string): ReadCgroup {
  return (controller, file) => {
    const root = layout.hierarchies[layout.version === 2 ? '' : controller];
    return root === undefined ? Promise.resolve('') : readFile(join(root, path, file), 'utf8').catch(() => '');
  };
}

async function usageV1(read: ReadCgroup): Promise<CgroupUsage | undefined> {
  const [cpu, usage, stat, limit, pids] = await Promise.all([
    read('cpuacct', 'cpuacct.usage'),
    read('memory', 'memory.usage_in_bytes'),
    read('memory', 'memory.stat'),
    read('memory', 'memory.limit_in_bytes'),
    read('pids', 'pids.current'),
  ]);
  if (cpu === '' && usage === '') return undefined;
  const field = fields(stat);
  const used = Number(usage);
  return {
    cpuNanoseconds: Number(cpu),
    memoryUsageBytes: used,
    workingSetBytes: Math.max(0, used - field('total_inactive_file')),
    rssBytes: field('total_rss'),
    pageFaults: field('total_pgfault'),
    majorPageFaults: field('total_pgmajfault'),
    swapBytes: field('total_swap'),
    ...limitOf('memoryLimitBytes', limit),
    processes: Number(pids),
  };
}

async function usageV2(read: ReadCgroup): Promise<CgroupUsage | undefined> {
  const [cpu, usage, stat, limit, swap, swapLimit, pids] = await Promise.all([
    read('', 'cpu.stat'),
    read('', 'memory.current'),
    read('', 'memory.stat'),
    read('', 'memory.max'),
    read('', 'memory.swap.current'),
    read('', 'memory.swap.max'),
    read('', 'pids.current'),
  ]);
  if (cpu === '' && usage === '') return undefined;
  const pressure = await readPressures((name) => read('', `${name}.pressure`));
  const field = fields(stat);
  const used = Number(usage);
  return {
    cpuNanoseconds: fields(cpu)('usage_usec') * 1000,
    memoryUsageBytes: used,
    workingSetBytes: Math.max(0, used - field('inactive_file')),
    rssBytes: field('anon'),
    pageFaults: field('pgfault'),
    majorPageFaults: field('pgmajfault'),
    swapBytes: Number(swap),
    ...limitOf('memoryLimitBytes', limit),
    ...limitOf('swapLimitBytes', swapLimit),
    processes: Number(pids),
    ...(pressure && { pressure }),
  };
}

/** v2 says `max`, v1 a number larger than any memory (kubelet's maxMemorySize). */
export function limitOf<K extends string>(name: K, text: string): Partial<Record<K, number>> {
  const bytes = /^\d+\s*$/.test(text) ? Number(text) : Number.POSITIVE_INFINITY;
  return bytes > 2 ** 62 ? {} : ({ [name]: bytes } as Record<K, number>);
}

/** How often the kernel killed a process of this cgroup for memory. */
export async function oomKills(layout: CgroupLayout, path: string): Promise<number> {
  const root = layout.hierarchies[layout.version === 2 ? '' : 'memory'];
  if (root === undefined) return 0;
  const file = layout.version === 2 ? 'memory.events' : 'memory.oom_control';
  return fields(await readFile(join(root, path, file), 'utf8').catch(() => ''))('oom_kill');
}

/** Numbers by the names before them. */
export function fields(text: string): (name: string) => number {
  const values = new Map(text.split('\n').map((line) => line.split(' ', 2) as [string, string]));
  return (name) => Number(values.get(name) ?? 0);
}
