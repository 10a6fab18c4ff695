import type { CgroupDetails, DeviceTraffic } from '../../../runtime/cgroup-details.ts';
import type { InterfaceUsage } from '../../../runtime/network-usage.ts';
import type { FilesystemStats } from './filesystem-stats.ts';

/** A number of a cgroup under cAdvisor's name. */
export interface Family<T> {
  readonly name: string;
  readonly help: string;
  readonly type: 'gauge' | 'counter';
  /** Undefined: it is not told of this one. */
  readonly value: (of: T) => number | undefined;
}

const counter = <T>(name: string, help: string, value: Family<T>['value']): Family<T> => {
  return { name, help, type: 'counter', value };
};
const gauge = <T>(name: string, help: string, value: Family<T>['value']): Family<T> => {
  return { name, help, type: 'gauge', value };
};
const seconds = (nanoseconds: number | undefined) => (nanoseconds === undefined ? undefined : nanoseconds / 1e9);

/** Of the machine less is known. */
export type KnownDetails = Partial<CgroupDetails>;

/** cAdvisor tells of throttling where there is a limit. */
function throttled({ cpuQuotaUs, throttling }: KnownDetails, of: keyof CgroupDetails['throttling']) {
  return cpuQuotaUs === undefined ? undefined : throttling?.[of];
}

/** Of every cgroup (cadvisor metrics/prometheus.go). */
export const cgroupFamilies: readonly Family<KnownDetails>[] = [
  counter('container_cpu_user_seconds_total', 'Cumulative user cpu time consumed in seconds.', (of) =>
    seconds(of.cpuUserNanoseconds),
  ),
  counter('container_cpu_system_seconds_total', 'Cumulative system cpu time consumed in seconds.', (of) =>
    seconds(of.cpuSystemNanoseconds),
  ),
  counter('container_cpu_cfs_periods_total', 'Number of elapsed enforcement period intervals.', (of) =>
    throttled(of, 'periods'),
  ),
  counter('container_cpu_cfs_throttled_periods_total', 'Number of throttled period intervals.', (of) =>
    throttled(of, 'throttledPeriods'),
  ),
  counter('container_cpu_cfs_throttled_seconds_total', 'Total time duration the container has been throttled.', (of) =>
    seconds(throttled(of, 'throttledNanoseconds')),
  ),
  counter('container_cpu_cfs_burst_periods_total', 'Number of periods when burst occurs.', (of) =>
    throttled(of, 'burstPeriods'),
  ),
  counter('container_cpu_cfs_burst_seconds_total', 'Total time duration the container has been bursted.', (of) =>
    seconds(throttled(of, 'burstNanoseconds')),
  ),
  gauge('container_processes', 'Number of processes running inside the container.', (of) => of.processes),
  gauge('container_memory_cache', 'Number of bytes of page cache memory.', (of) => of.cacheBytes),
  gauge('container_memory_rss', 'Size of RSS in bytes.', (of) => of.rssBytes),
  gauge('container_memory_kernel_usage', 'Size of kernel memory allocated in bytes.', (of) => of.kernelBytes),
  gauge('container_memory_mapped_file', 'Size of memory mapped files in bytes.', (of) => of.mappedFileBytes),
  gauge('container_memory_swap', 'Container swap usage in bytes.', (of) => of.swapBytes),
  counter('container_memory_failcnt', 'Number of memory usage hits limits', (of) => of.limitHits),
  gauge(
    'container_memory_usage_bytes',
    'Current memory usage in bytes, including all memory regardless of when it was accessed',
    (of) => of.memoryUsageBytes,
  ),
  gauge('container_memory_max_usage_bytes', 'Maximum memory usage recorded in bytes', (of) => of.maxUsageBytes),
  gauge('container_memory_working_set_bytes', 'Current working set in bytes.', (of) => of.workingSetBytes),
  gauge('container_memory_total_active_file_bytes', 'Current total active file in bytes.', (of) => of.activeFileBytes),
  gauge(
    'container_memory_total_inactive_file_bytes',
    'Current total inactive file in bytes.',
    (of) => of.inactiveFileBytes,
  ),
  counter(
    'container_oom_events_total',
    'Count of out of memory events observed for the container',
    (of) => of.oomKills,
  ),
  gauge(
    'container_threads_max',
    'Maximum number of threads allowed inside the container, infinity if value is zero',
    (of) => of.threadsMax ?? (of.threads === undefined ? undefined : 0),
  ),
  gauge('container_threads', 'Number of threads running inside the container', (of) => of.threads),
  ...(['cpu', 'memory', 'io'] as const).flatMap((what) => {
    const because = `due to ${what === 'memory' ? what : what.toUpperCase()} congestion.`;
    return [
      counter<KnownDetails>(
        `container_pressure_${what}_stalled_seconds_total`,
        `Total time duration no tasks in the container could make progress ${because}`,
        (of) => of.pressure && of.pressure[what].full.total / 1e6,
      ),
      counter<KnownDetails>(
        `container_pressure_${what}_waiting_seconds_total`,
        `Total time duration tasks in the container have waited ${because}`,
        (of) => of.pressure && of.pressure[what].some.total / 1e6,
      ),
    ];
  }),
];

/** No limit is told as 0, where limits are known at all. */
function unlimited({ cpuPeriodUs }: KnownDetails, bytes: number | undefined): number | undefined {
  return bytes ?? (cpuPeriodUs === undefined ? undefined : 0);
}

/** What a cgroup is allowed; no time is told with it. */
export const specFamilies: readonly Family<KnownDetails>[] = [
  gauge('container_spec_cpu_period', 'CPU period of the container.', (of) => of.cpuPeriodUs),
  gauge('container_spec_cpu_quota', 'CPU quota of the container.', (of) => of.cpuQuotaUs),
  gauge('container_spec_cpu_shares', 'CPU share of the container.', (of) => of.cpuShares),
  gauge('container_spec_memory_limit_bytes', 'Memory limit for the container.', (of) =>
    unlimited(of, of.memoryLimitBytes),
  ),
  gauge('container_spec_memory_swap_limit_bytes', 'Memory swap limit for the container.', (of) =>
    unlimited(of, of.swapSpecBytes),
  ),
  gauge('container_spec_memory_reservation_limit_bytes', 'Memory reservation limit for the container.', (of) =>
    unlimited(of, of.reservedBytes),
  ),
];

/** By `device`. */
export const deviceFamilies: readonly Family<DeviceTraffic>[] = [
  counter('container_fs_reads_bytes_total', 'Cumulative count of bytes read', (of) => of.readBytes),
  counter('container_fs_reads_total', 'Cumulative count of reads completed', (of) => of.reads),
  counter('container_fs_writes_bytes_total', 'Cumulative count of bytes written', (of) => of.writtenBytes),
  counter('container_fs_writes_total', 'Cumulative count of writes completed', (of) => of.writes),
];

/** Of the machine, by `device`. */
export const diskFamilies: readonly Family<FilesystemStats>[] = [
  gauge('container_fs_inodes_free', 'Number of available Inodes', (of) => of.inodesFree),
  gauge('container_fs_inodes_total', 'Number of Inodes', (of) => of.inodes),
  gauge(
    'container_fs_limit_bytes',
    'Number of bytes that can be consumed by the container on this filesystem.',
    (of) => of.capacityBytes,
  ),
  gauge(
    'container_fs_usage_bytes',
    'Number of bytes that are consumed by the container on this filesystem.',
    (of) => of.usedBytes,
  ),
];

/** By `interface`. */
export const networkFamilies: readonly Family<InterfaceUsage>[] = (
  [
    ['receive', 'rx', 'received', 'receiving'],
    ['transmit', 'tx', 'transmitted', 'transmitting'],
  ] as const
).flatMap(([verb, way, done, doing]) => [
  counter<InterfaceUsage>(
    `container_network_${verb}_bytes_total`,
    `Cumulative count of bytes ${done}`,
    (of) => of[`${way}Bytes`],
  ),
  counter<InterfaceUsage>(
    `container_network_${verb}_packets_total`,
    `Cumulative count of packets ${done}`,
    (of) => of[`${way}Packets`],
  ),
  counter<InterfaceUsage>(
    `container_network_${verb}_packets_dropped_total`,
    `Cumulative count of packets dropped while ${doing}`,
    (of) => of[`${way}Dropped`],
  ),
  counter<InterfaceUsage>(
    `container_network_${verb}_errors_total`,
    `Cumulative count of errors encountered while ${doing}`,
    (of) => of[`${way}Errors`],
  ),
]);
