import type { Clock } from '@berth/kit';
import type { cri, Init } from '@berth/protos';
import { type CgroupUsage, cgroupUsage } from './cgroup-stats.ts';
import type { CgroupLayout } from './cgroups.ts';
import type { ContainerRecord, SandboxRecord } from './records.ts';
import { nanoseconds } from './runtime-context.ts';

interface Sample {
  readonly atMs: number;
  readonly cpuNanoseconds: number;
  readonly nanoCores: number;
}

/** A rate over less than this is noise. */
const minRateMs = 100;

/** CPU and memory from the cgroups; the CPU rate is over the time since the last call. */
export class UsageReader {
  readonly #cgroups: CgroupLayout;
  readonly #clock: Clock;
  readonly #samples = new Map<string, Sample>();

  constructor(cgroups: CgroupLayout, clock: Clock) {
    this.#cgroups = cgroups;
    this.#clock = clock;
  }

  async container({ id, config, cgroupPath }: ContainerRecord): Promise<Init<cri.ContainerStats>> {
    const usage = await cgroupUsage(this.#cgroups, cgroupPath);
    const { metadata, labels, annotations } = config;
    const attributes = { id, metadata, labels, annotations };
    return usage ? { attributes, ...this.#cpuAndMemory(cgroupPath, usage) } : { attributes };
  }

  async sandbox(record: SandboxRecord, containers: readonly ContainerRecord[]): Promise<Init<cri.PodSandboxStats>> {
    const { id, config, cgroupParent } = record;
    const { metadata, labels, annotations } = config;
    const usage = await cgroupUsage(this.#cgroups, cgroupParent);
    const timestamp = nanoseconds(this.#clock.now());
    return {
      attributes: { id, metadata, labels, annotations },
      linux: {
        ...(usage && {
          ...this.#cpuAndMemory(cgroupParent, usage),
          process: { timestamp, processCount: { value: String(usage.processes) } },
        }),
        containers: await Promise.all(containers.map((container) => this.container(container))),
      },
    };
  }

  forget(cgroupPath: string): void {
    this.#samples.delete(cgroupPath);
  }

  #cpuAndMemory(key: string, usage: CgroupUsage) {
    const timestamp = nanoseconds(this.#clock.now());
    const value = (number: number) => ({ value: String(Math.round(number)) });
    return {
      cpu: {
        timestamp,
        usageCoreNanoSeconds: value(usage.cpuNanoseconds),
        usageNanoCores: value(this.#rate(key, usage.cpuNanoseconds)),
      },
      memory: {
        timestamp,
        workingSetBytes: value(usage.workingSetBytes),
        usageBytes: value(usage.memoryUsageBytes),
        rssBytes: value(usage.rssBytes),
        pageFaults: value(usage.pageFaults),
        majorPageFaults: value(usage.majorPageFaults),
      },
    };
  }

  #rate(key: string, cpuNanoseconds: number): number {
    const atMs = this.#clock.monotonicMs();
    const last = this.#samples.get(key);
    if (last && atMs - last.atMs < minRateMs) return last.nanoCores;
    const nanoCores = last ? Math.max(0, ((cpuNanoseconds - last.cpuNanoseconds) / (atMs - last.atMs)) * 1000) : 0;
    this.#samples.set(key, { atMs, cpuNanoseconds, nanoCores });
    return nanoCores;
  }
}
