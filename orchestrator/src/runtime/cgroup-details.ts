import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import {
  type CgroupUsage,
  cgroupReader,
  cgroupUsage,
  fields,
  limitOf,
  oomKills,
  type ReadCgroup,
} from './cgroup-stats.ts';
import type { CgroupLayout } from './cgroups.ts';

export interface DeviceTraffic {
  /** Such as `/dev/sda`. */
  readonly device: string;
  readonly readBytes: number;
  readonly writtenBytes: number;
  readonly reads: number;
  readonly writes: number;
}

/** All that a cgroup tells of itself; what this kernel's do not is absent. */
export interface CgroupDetails extends CgroupUsage {
  readonly cpuUserNanoseconds: number;
  readonly cpuSystemNanoseconds: number;
  /** As of v1. */
  readonly cpuShares?: number;
  readonly cpuPeriodUs?: number;
  /** Absent: there is no limit. */
  readonly cpuQuotaUs?: number;
  readonly throttling: {
    readonly periods: number;
    readonly throttledPeriods: number;
    readonly throttledNanoseconds: number;
    readonly burstPeriods: number;
    readonly burstNanoseconds: number;
  };
  readonly cacheBytes: number;
  readonly mappedFileBytes: number;
  readonly activeFileBytes: number;
  readonly inactiveFileBytes: number;
  readonly kernelBytes: number;
  readonly maxUsageBytes: number;
  /** How often usage hit the limit. */
  readonly limitHits: number;
  readonly reservedBytes?: number;
  /** v1's holds memory too. */
  readonly swapSpecBytes?: number;
  readonly oomKills: number;
  readonly threads: number;
  readonly threadsMax?: number;
  readonly devices: readonly DeviceTraffic[];
}

/** Undefined where the cgroup is gone. */
export async function cgroupDetails(layout: CgroupLayout, path: string): Promise<CgroupDetails | undefined> {
  const usage = await cgroupUsage(layout, path);
  if (!usage) return undefined;
  const read = cgroupReader(layout, path);
  const [own, pids, pidsMax, oom] = await Promise.all([
    layout.version === 2 ? detailsV2(read) : detailsV1(read),
    read('pids', 'pids.current'),
    read('pids', 'pids.max'),
    oomKills(layout, path),
  ]);
  return { ...usage, ...own, oomKills: oom, threads: Number(pids), ...limitOf('threadsMax', pidsMax) };
}

type Own = Omit<CgroupDetails, keyof CgroupUsage | 'oomKills' | 'threads' | 'threadsMax'>;

async function detailsV1(read: ReadCgroup): Promise<Own> {
  const memory = (file: string) => read('memory', `memory.${file}`);
  const [ticks, stat, shares, period, quota] = await Promise.all([
    read('cpuacct', 'cpuacct.stat'),
    read('cpu', 'cpu.stat'),
    read('cpu', 'cpu.shares'),
    read('cpu', 'cpu.cfs_period_us'),
    read('cpu', 'cpu.cfs_quota_us'),
  ]);
  const [bytes, max, hits, kernel, reserved, swap, served, moved] = await Promise.all([
    memory('stat'),
    memory('max_usage_in_bytes'),
    memory('failcnt'),
    memory('kmem.usage_in_bytes'),
    memory('soft_limit_in_bytes'),
    memory('memsw.limit_in_bytes'),
    read('blkio', 'blkio.throttle.io_serviced_recursive'),
    read('blkio', 'blkio.throttle.io_service_bytes_recursive'),
  ]);
  const [tick, cpu, field] = [fields(ticks), fields(stat), fields(bytes)];
  return {
    // USER_HZ is 100 on all of Linux' own interfaces.
    cpuUserNanoseconds: tick('user') * 1e7,
    cpuSystemNanoseconds: tick('system') * 1e7,
    ...(shares === '' ? {} : { cpuShares: Number(shares) }),
    ...(period === '' ? {} : { cpuPeriodUs: Number(period) }),
    ...(Number(quota) > 0 ? { cpuQuotaUs: Number(quota) } : {}),
    throttling: {
      periods: cpu('nr_periods'),
      throttledPeriods: cpu('nr_throttled'),
      throttledNanoseconds: cpu('throttled_time'),
      burstPeriods: cpu('nr_bursts'),
      burstNanoseconds: cpu('burst_time'),
    },
    ...filesOf((name) => field(`total_${name}`), 'cache', 'mapped_file'),
    kernelBytes: Number(kernel),
    maxUsageBytes: Number(max),
    limitHits: Number(hits),
    ...limitOf('reservedBytes', reserved),
    ...limitOf('swapSpecBytes', swap),
    devices: await trafficV1(served, moved),
  };
}

async function detailsV2(read: ReadCgroup): Promise<Own> {
  const names = ['cpu.stat', 'cpu.weight', 'cpu.max', 'memory.stat', 'memory.peak', 'memory.events', 'memory.min'];
  const [stat = '', weight = '', max = '', bytes = '', peak, events = '', reserved = ''] = await Promise.all(
    names.map((name) => read('', name)),
  );
  const [swap, traffic] = await Promise.all(['memory.swap.max', 'io.stat'].map((name) => read('', name)));
  const [quota, period] = max.trim().split(' ');
  const [cpu, field] = [fields(stat), fields(bytes)];
  return {
    cpuUserNanoseconds: cpu('user_usec') * 1000,
    cpuSystemNanoseconds: cpu('system_usec') * 1000,
    ...(weight === '' ? {} : { cpuShares: 2 + Math.floor(((Number(weight) - 1) * 262_142) / 9999) }),
    ...(period === undefined ? {} : { cpuPeriodUs: Number(period) }),
    ...(Number(quota) > 0 ? { cpuQuotaUs: Number(quota) } : {}),
    throttling: {
      periods: cpu('nr_periods'),
      throttledPeriods: cpu('nr_throttled'),
      throttledNanoseconds: cpu('throttled_usec') * 1000,
      burstPeriods: cpu('nr_bursts'),
      burstNanoseconds: cpu('burst_usec') * 1000,
    },
    ...filesOf(field, 'file', 'file_mapped'),
    kernelBytes: field('kernel'),
    maxUsageBytes: Number(peak),
    limitHits: fields(events)('max'),
    ...limitOf('reservedBytes', reserved),
    ...limitOf('swapSpecBytes', swap ?? ''),
    devices: await trafficV2(traffic ?? ''),
  };
}

function filesOf(field: (name: string) => number, cache: string, mapped: string) {
  return {
    cacheBytes: field(cache),
    mappedFileBytes: field(mapped),
    activeFileBytes: field('active_file'),
    inactiveFileBytes: field('inactive_file'),
  };
}

/** Lines such as `8:0 Read 4096`. */
async function trafficV1(served: string, moved: string): Promise<DeviceTraffic[]> {
  const numbers = (text: string) =>
    new Map(text.split('\n').map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.split(' ')[2])]));
  const [operations, bytes] = [numbers(served), numbers(moved)];
  const ids = [...bytes.keys()].flatMap((key) => (key.endsWith(' Read') ? [key.slice(0, -' Read'.length)] : []));
  return named(
    ids.map((id) => [
      id,
      {
        readBytes: bytes.get(`${id} Read`) ?? 0,
        writtenBytes: bytes.get(`${id} Write`) ?? 0,
        reads: operations.get(`${id} Read`) ?? 0,
        writes: operations.get(`${id} Write`) ?? 0,
      },
    ]),
  );
}

/** Lines such as `8:0 rbytes=4096 wbytes=0 rios=1 wios=0 dbytes=0 dios=0`. */
function trafficV2(text: string): Promise<DeviceTraffic[]> {
  return named(
    text.split('\n').flatMap((line) => {
      const [id = '', ...pairs] = line.split(' ');
      if (pairs.length === 0) return [];
      const of = fields(pairs.map((pair) => pair.replace('=', ' ')).join('\n'));
      return [[id, { readBytes: of('rbytes'), writtenBytes: of('wbytes'), reads: of('rios'), writes: of('wios') }]];
    }),
  );
}

function named(all: readonly (readonly [id: string, Omit<DeviceTraffic, 'device'>])[]): Promise<DeviceTraffic[]> {
  return Promise.all(
    all.map(async ([id, traffic]) => {
      const about = await readFile(`/sys/dev/block/${basename(id)}/uevent`, 'utf8').catch(() => '');
      return { device: `/dev/${/^DEVNAME=(.+)$/m.exec(about)?.[1] ?? id}`, ...traffic };
    }),
  );
}
