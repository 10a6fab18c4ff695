import type { Clock } from '@berth/kit';
import { treeUsage } from '@berth/linux';
import type { cri, Init } from '@berth/protos';
import { CpuRate } from '../cpu-rate.ts';
import { type CgroupUsage, cgroupUsage } from './cgroup-stats.ts';
import type { CgroupLayout } from './cgroups.ts';
import { networkUsage } from './network-usage.ts';
import type { Pressure } from './pressure.ts';
import { isAlive } from './process-id.ts';
import type { ContainerRecord, SandboxRecord } from './records.ts';
import { nanoseconds, type RuntimeContext } from './runtime-context.ts';

/** CPU and memory from the cgroups, traffic and files: all as they are when somebody asks. */
export class UsageReader {
  readonly #cgroups: CgroupLayout;
  readonly #clock: Clock;
  readonly #layout: RuntimeContext['layout'];
  readonly #rates: CpuRate;

  constructor({ cgroups, clock, layout }: Pick<RuntimeContext, 'cgroups' | 'clock' | 'layout'>) {
    this.#cgroups = cgroups;
    this.#clock = clock;
    this.#layout = layout;
    this.#rates = new CpuRate(clock);
  }

  async container({ id, config, cgroupPath }: ContainerRecord): Promise<Init<cri.ContainerStats>> {
    const usage = await cgroupUsage(this.#cgroups, cgroupPath);
    const { metadata, labels, annotations } = config;
    const attributes = { id, metadata, labels, annotations };
    return usage ? { attributes, ...this.#cpuAndMemory(cgroupPath, usage), swap: this.#swap(usage) } : { attributes };
  }

  /** With what it wrote into its root, for which every file of that is looked at. */
  async withLayer(record: ContainerRecord, signal: AbortSignal): Promise<Init<cri.ContainerStats>> {
    const stats = await this.container(record);
    const { upper } = this.#layout.containerLayer(record.id);
    const written = await treeUsage(upper, signal).catch(() => undefined);
    signal.throwIfAborted();
    if (!written) return stats;
    const writableLayer = {
      timestamp: this.#now(),
      fsId: { mountpoint: upper },
      usedBytes: value(written.bytes),
      inodesUsed: value(written.inodes),
    };
    return { ...stats, writableLayer };
  }

  async sandbox(record: SandboxRecord, containers: readonly ContainerRecord[]): Promise<Init<cri.PodSandboxStats>> {
    const { id, config, cgroupParent } = record;
    const { metadata, labels, annotations } = config;
    const usage = await cgroupUsage(this.#cgroups, cgroupParent);
    const network = await this.#network(record, containers);
    return {
      attributes: { id, metadata, labels, annotations },
      linux: {
        ...(usage && {
          ...this.#cpuAndMemory(cgroupParent, usage),
          process: { timestamp: this.#now(), processCount: value(usage.processes) },
        }),
        ...(network && { network }),
        containers: await Promise.all(containers.map((container) => this.container(container))),
      },
    };
  }

  #now(): string {
    return nanoseconds(this.#clock.now());
  }

  #cpuAndMemory(key: string, usage: CgroupUsage) {
    const timestamp = this.#now();
    const nanoCores = this.#rates.rate(key, usage.cpuNanoseconds);
    const { memoryLimitBytes: limit, pressure } = usage;
    return {
      cpu: {
        timestamp,
        usageCoreNanoSeconds: value(usage.cpuNanoseconds),
        ...(nanoCores === undefined ? {} : { usageNanoCores: value(nanoCores) }),
        ...(pressure && { psi: psi(pressure.cpu) }),
      },
      memory: {
        timestamp,
        ...(limit === undefined ? {} : { availableBytes: value(Math.max(0, limit - usage.workingSetBytes)) }),
        workingSetBytes: value(usage.workingSetBytes),
        usageBytes: value(usage.memoryUsageBytes),
        rssBytes: value(usage.rssBytes),
        pageFaults: value(usage.pageFaults),
        majorPageFaults: value(usage.majorPageFaults),
        ...(pressure && { psi: psi(pressure.memory) }),
      },
      ...(pressure && { io: { timestamp, psi: psi(pressure.io) } }),
    };
  }

  #swap({ swapBytes, swapLimitBytes: limit }: CgroupUsage) {
    const available = limit === undefined ? {} : { swapAvailableBytes: value(Math.max(0, limit - swapBytes)) };
    return { timestamp: this.#now(), swapUsageBytes: value(swapBytes), ...available };
  }

  /** By a process that is in the sandbox's network. */
  async #network({ pause }: SandboxRecord, containers: readonly ContainerRecord[]) {
    const inside = [pause, ...containers.map(({ process }) => process)].find(isAlive);
    if (!inside) return undefined;
    const interfaces = (await networkUsage(inside.pid)).map(({ name, rxBytes, rxErrors, txBytes, txErrors }) => ({
      name,
      ...{ rxBytes: value(rxBytes), rxErrors: value(rxErrors), txBytes: value(txBytes), txErrors: value(txErrors) },
    }));
    const main = interfaces.find(({ name }) => name === 'eth0');
    return { timestamp: this.#now(), ...(main && { defaultInterface: main }), interfaces };
  }
}

function psi({ some, full }: Pressure) {
  const data = ({ total, avg10, avg60, avg300 }: Pressure['some']) => ({
    Total: String(total),
    ...{ Avg10: avg10, Avg60: avg60, Avg300: avg300 },
  });
  return { Some: data(some), Full: data(full) };
}

function value(number: number) {
  return { value: String(Math.round(number)) };
}
