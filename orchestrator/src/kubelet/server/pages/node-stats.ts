import { readFile } from 'node:fs/promises';
import { cpus, uptime } from 'node:os';
import { rfc3339 } from '@berth/kit';
import { type InterfaceUsage, networkUsage } from '../../../runtime/network-usage.ts';
import { readPressures } from '../../../runtime/pressure.ts';
import type { NodeContext } from '../../node-context.ts';
import {
  type InterfaceStats,
  type MemoryStats,
  type NetworkStats,
  type SwapStats,
  timeOf,
  type Usage,
} from './cri-usage.ts';
import { type FilesystemStats, filesystemStats } from './filesystem-stats.ts';
import type { KubeletPageParts } from './kubelet-page.ts';
import type { PartStats } from './pod-files.ts';

export interface NodeStats extends Usage {
  readonly nodeName: string;
  /** When the machine began. */
  readonly startTime: string;
  readonly network?: NetworkStats;
  readonly fs?: FilesystemStats;
  readonly runtime?: { readonly imageFs: PartStats; readonly containerFs: PartStats };
  readonly rlimit?: { readonly time: string; readonly maxpid?: number; readonly curproc?: number };
}

type Parts = Pick<KubeletPageParts, 'node' | 'rates'>;

/** CPU, memory and swap of the machine, which its kernel tells (cAdvisor's root container). */
export async function nodeUsage({ node, rates }: Parts): Promise<NodeStats> {
  const { clock, nodeName } = node.options;
  const time = rfc3339(clock.now());
  const ticks = cpus().map(({ times: { user, nice, sys, irq } }) => user + nice + sys + irq);
  const usageCoreNanoSeconds = ticks.reduce((sum, each) => sum + each, 0) * 1e6;
  const nanoCores = rates.rate('/', usageCoreNanoSeconds);
  const [meminfo, vmstat, pressure] = await Promise.all([
    text('/proc/meminfo'),
    text('/proc/vmstat'),
    readPressures((name) => text(`/proc/pressure/${name}`)),
  ]);
  const { memory, swap } = memoryAndSwap(meminfo, vmstat, time);
  const cores = nanoCores === undefined ? {} : { usageNanoCores: Math.round(nanoCores) };
  return {
    nodeName,
    startTime: rfc3339(clock.now() - uptime() * 1000),
    cpu: { time, ...cores, usageCoreNanoSeconds, ...(pressure && { psi: pressure.cpu }) },
    memory: { ...memory, ...(pressure && { psi: pressure.memory }) },
    swap,
    ...(pressure && { io: { time, psi: pressure.io } }),
  };
}

/** All of it: traffic, disks and processes, too. */
export async function nodeStats(parts: Parts, signal: AbortSignal): Promise<NodeStats> {
  const { options } = parts.node;
  const time = rfc3339(options.clock.now());
  const [usage, interfaces, fs, imageFs, rlimit] = await Promise.all([
    nodeUsage(parts),
    networkUsage('self'),
    filesystemStats(options.dirs.root, options.clock),
    imageStats(parts.node, signal),
    processLimits(),
  ]);
  return {
    ...usage,
    network: { time, ...networkOf(interfaces) },
    fs,
    ...(imageFs && { runtime: { imageFs, containerFs: imageFs } }),
    rlimit: { time, ...rlimit },
  };
}

/** proc_meminfo(5), proc_vmstat(5); the working set is what is used without file cache that can be dropped at once. */
export function memoryAndSwap(
  meminfo: string,
  vmstat: string,
  time: string,
): { readonly memory: MemoryStats; readonly swap: SwapStats } {
  const bytes = (name: string) => number(meminfo, new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm')) * 1024;
  const events = (name: string) => number(vmstat, new RegExp(`^${name} (\\d+)$`, 'm'));
  const usageBytes = bytes('MemTotal') - bytes('MemFree');
  const workingSetBytes = Math.max(0, usageBytes - bytes('Inactive\\(file\\)'));
  return {
    memory: {
      time,
      availableBytes: bytes('MemTotal') - workingSetBytes,
      usageBytes,
      workingSetBytes,
      rssBytes: bytes('AnonPages'),
      pageFaults: events('pgfault'),
      majorPageFaults: events('pgmajfault'),
    },
    swap: {
      time,
      swapAvailableBytes: bytes('SwapFree'),
      swapUsageBytes: bytes('SwapTotal') - bytes('SwapFree'),
    },
  };
}

function networkOf(all: readonly InterfaceUsage[]): Omit<NetworkStats, 'time'> {
  const interfaces = all.map(
    ({ name, rxBytes, rxErrors, txBytes, txErrors }): InterfaceStats => ({
      name,
      rxBytes,
      rxErrors,
      txBytes,
      txErrors,
    }),
  );
  return { name: '', ...interfaces.find(({ name }) => name === 'eth0'), interfaces };
}

/** Of the disk with images, of which the runtime tells. */
async function imageStats({ options }: NodeContext, signal: AbortSignal): Promise<PartStats | undefined> {
  const { imageFilesystems } = await options.runtime.images.ImageFsInfo({}, { signal });
  const [found] = imageFilesystems;
  if (!found) return undefined;
  const whole = found.fsId && (await filesystemStats(found.fsId.mountpoint, options.clock).catch(() => undefined));
  return {
    ...whole,
    time: timeOf(found.timestamp),
    usedBytes: Number(found.usedBytes?.value ?? 0),
    ...(found.inodesUsed && { inodesUsed: Number(found.inodesUsed.value) }),
  };
}

/** pkg/kubelet/stats/pidlimit. */
async function processLimits(): Promise<{ readonly maxpid?: number; readonly curproc?: number }> {
  const [pids, threads, load] = await Promise.all([
    text('/proc/sys/kernel/pid_max'),
    text('/proc/sys/kernel/threads-max'),
    text('/proc/loadavg'),
  ]);
  const limits = [pids, threads].filter((each) => each !== '').map(Number);
  const running = /^\S+ \S+ \S+ \d+\/(\d+) /.exec(load)?.[1];
  return {
    ...(limits.length > 0 ? { maxpid: Math.min(...limits) } : {}),
    ...(running === undefined ? {} : { curproc: Number(running) }),
  };
}

function text(path: string): Promise<string> {
  return readFile(path, 'utf8').catch(() => '');
}

function number(from: string, pattern: RegExp): number {
  return Number(pattern.exec(from)?.[1] ?? 0);
}
