import { readFile, stat } from 'node:fs/promises';
import { cpus } from 'node:os';
import type { Clock } from '@berth/kit';
import { parseMountInfo } from '@berth/linux';
import type { MetricRegistry } from '../../../metrics/metric-registry.ts';
import type { MachineFacts } from '../../node/machine-facts.ts';
import { type FilesystemStats, filesystemStats } from './filesystem-stats.ts';

/** What the machine has (cadvisor metrics/prometheus_machine.go), and what it runs. */
export async function addMachine(registry: MetricRegistry, machine: MachineFacts, swapBytes: number): Promise<void> {
  const ids = [machine.bootId, machine.machineId, machine.systemUuid];
  const add = (name: string, help: string, value: number) =>
    registry.gauge(`machine_${name}`, help, ['boot_id', 'machine_id', 'system_uuid'], () => [[ids, value]]);
  const { cores, sockets } = processorsOf(await readFile('/proc/cpuinfo', 'utf8'), cpus().length);
  add('cpu_physical_cores', 'Number of physical CPU cores.', cores);
  add('cpu_cores', 'Number of logical CPU cores.', cpus().length);
  add('cpu_sockets', 'Number of CPU sockets.', sockets);
  add('memory_bytes', 'Amount of memory installed on the machine.', machine.memoryBytes);
  add('swap_bytes', 'Amount of swap memory available on the machine.', swapBytes);
  const help =
    "A metric with a constant '1' value labeled by kernel version, OS version, docker version, cadvisor version & cadvisor revision.";
  const names = ['cadvisorRevision', 'cadvisorVersion', 'dockerVersion', 'kernelVersion', 'osVersion'];
  // A kubelet has none of the first three.
  registry.gauge('cadvisor_version_info', help, names, () => [
    [['', '', '', machine.kernelVersion, machine.osImage], 1],
  ]);
}

/** proc_cpuinfo(5); machines that do not tell which core a processor is of have one for each, on one socket. */
export function processorsOf(text: string, logical: number): { readonly cores: number; readonly sockets: number } {
  const sockets = new Set<string>();
  const cores = new Set<string>();
  for (const about of text.split('\n\n')) {
    const socket = /^physical id\s*: (\d+)$/m.exec(about)?.[1];
    const core = /^core id\s*: (\d+)$/m.exec(about)?.[1];
    if (socket === undefined || core === undefined) continue;
    sockets.add(socket);
    cores.add(`${socket}/${core}`);
  }
  return { cores: cores.size || logical, sockets: sockets.size || 1 };
}

export interface Disk extends FilesystemStats {
  readonly device: string;
}

/** The filesystem a path is on, by the name of its device; undefined where the kernel mounts none of that number. */
export async function diskOf(path: string, clock: Clock): Promise<Disk | undefined> {
  const [{ dev }, mounts, stats] = await Promise.all([
    stat(path, { bigint: true }),
    readFile('/proc/self/mountinfo', 'utf8'),
    filesystemStats(path, clock),
  ]);
  // As makedev(3) puts them together.
  const [major, minor] = [(dev >> 8n) & 0xfffn, (dev & 0xffn) | ((dev >> 12n) & 0xfff00n)];
  const found = parseMountInfo(mounts).find(({ device }) => device === `${major}:${minor}`);
  return found && { device: found.source, ...stats };
}
