import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { cgroupDetails } from './cgroup-details.ts';
import { cgroupUsage } from './cgroup-stats.ts';
import type { CgroupLayout } from './cgroups.ts';
import { parseNetDev } from './network-usage.ts';

async function usageOf(
  layout: (root: string) => CgroupLayout,
  files: Readonly<Record<string, string>>,
  of: typeof cgroupUsage = cgroupUsage,
) {
  const root = await mkdtemp(join(tmpdir(), 'berth-cgroups-'));
  try {
    for (const [name, text] of Object.entries(files)) {
      await mkdir(join(root, name, '..'), { recursive: true });
      await writeFile(join(root, name), text);
    }
    return await of(layout(root), '/pod');
  } finally {
    await rm(root, { recursive: true });
  }
}

const common = { processes: 2, pageFaults: 3, majorPageFaults: 1, rssBytes: 40, swapBytes: 6 };

test('cgroupUsage reads v2, where a limit may be none', async () => {
  const layout = (root: string): CgroupLayout => ({ version: 2, hierarchies: { '': root }, hybrid: false });
  const files = {
    'pod/cpu.stat': 'usage_usec 5\nuser_usec 3\n',
    'pod/memory.current': '100\n',
    'pod/memory.stat': 'anon 40\ninactive_file 30\npgfault 3\npgmajfault 1\n',
    'pod/memory.max': 'max\n',
    'pod/memory.swap.current': '6\n',
    'pod/memory.swap.max': '9\n',
    'pod/pids.current': '2\n',
  };
  const usage = { ...common, cpuNanoseconds: 5000, memoryUsageBytes: 100, workingSetBytes: 70, swapLimitBytes: 9 };
  expect(await usageOf(layout, files)).toEqual(usage);
  expect(await usageOf(layout, { ...files, 'pod/memory.max': '200\n' })).toEqual({ ...usage, memoryLimitBytes: 200 });
  expect(await usageOf(layout, {})).toBeUndefined();
});

test('cgroupUsage reads v1, where no limit is a large one', async () => {
  const layout = (root: string): CgroupLayout => ({
    version: 1,
    hierarchies: { cpuacct: join(root, 'cpu'), memory: join(root, 'memory'), pids: join(root, 'pids') },
    hybrid: false,
  });
  const files = {
    'cpu/pod/cpuacct.usage': '5000\n',
    'memory/pod/memory.usage_in_bytes': '100\n',
    'memory/pod/memory.stat':
      'total_rss 40\ntotal_inactive_file 30\ntotal_pgfault 3\ntotal_pgmajfault 1\ntotal_swap 6\n',
    'memory/pod/memory.limit_in_bytes': '9223372036854771712\n',
    'pids/pod/pids.current': '2\n',
  };
  const usage = { ...common, cpuNanoseconds: 5000, memoryUsageBytes: 100, workingSetBytes: 70 };
  expect(await usageOf(layout, files)).toEqual(usage);
});

test('cgroupDetails tells limits, throttling, files, pressure and devices of v2 in the words of v1', async () => {
  const layout = (root: string): CgroupLayout => ({ version: 2, hierarchies: { '': root }, hybrid: false });
  const pressure = 'some avg10=1.25 avg60=0.50 avg300=0.00 total=8\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=4\n';
  const files = {
    'pod/cpu.stat': 'usage_usec 5\nuser_usec 3\nsystem_usec 2\nnr_periods 6\nnr_throttled 1\nthrottled_usec 7\n',
    'pod/cpu.weight': '39\n',
    'pod/cpu.max': '50000 100000\n',
    'pod/memory.stat': 'file 11\nfile_mapped 12\nactive_file 13\ninactive_file 14\nkernel 15\n',
    'pod/memory.peak': '16\n',
    'pod/memory.events': 'max 17\noom_kill 2\n',
    'pod/memory.min': '0\n',
    'pod/memory.swap.max': 'max\n',
    'pod/pids.current': '3\n',
    'pod/pids.max': 'max\n',
    'pod/io.stat': '999:1 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0\n',
    ...{ 'pod/cpu.pressure': pressure, 'pod/memory.pressure': pressure, 'pod/io.pressure': pressure },
  };
  const waited = {
    some: { total: 8, avg10: 1.25, avg60: 0.5, avg300: 0 },
    full: { total: 4, avg10: 0, avg60: 0, avg300: 0 },
  };
  const details = await usageOf(layout, files, cgroupDetails);
  expect(details).toMatchObject({
    ...{
      cpuUserNanoseconds: 3000,
      cpuSystemNanoseconds: 2000,
      cpuShares: 998,
      cpuPeriodUs: 100_000,
      cpuQuotaUs: 50_000,
    },
    throttling: { periods: 6, throttledPeriods: 1, throttledNanoseconds: 7000 },
    ...{ cacheBytes: 11, mappedFileBytes: 12, activeFileBytes: 13, inactiveFileBytes: 14, kernelBytes: 15 },
    ...{ maxUsageBytes: 16, limitHits: 17, oomKills: 2, reservedBytes: 0, threads: 3 },
    pressure: { cpu: waited, memory: waited, io: waited },
    devices: [{ device: '/dev/999:1', readBytes: 1, writtenBytes: 2, reads: 3, writes: 4 }],
  });
  for (const name of ['threadsMax', 'swapSpecBytes', 'memoryLimitBytes']) expect(details).not.toHaveProperty(name);
});

test('cgroupDetails reads v1', async () => {
  const layout = (root: string): CgroupLayout => {
    const controllers = ['cpu', 'cpuacct', 'memory', 'pids', 'blkio'];
    return { version: 1, hierarchies: Object.fromEntries(controllers.map((name) => [name, root])), hybrid: false };
  };
  const files = {
    'pod/cpuacct.usage': '5000\n',
    'pod/cpuacct.stat': 'user 3\nsystem 2\n',
    'pod/cpu.stat': 'nr_periods 6\nnr_throttled 1\nthrottled_time 7\n',
    'pod/cpu.shares': '1024\n',
    'pod/cpu.cfs_period_us': '100000\n',
    'pod/cpu.cfs_quota_us': '-1\n',
    'pod/memory.stat': 'total_cache 11\ntotal_mapped_file 12\ntotal_active_file 13\ntotal_inactive_file 14\n',
    'pod/memory.max_usage_in_bytes': '16\n',
    'pod/memory.oom_control': 'oom_kill 2\n',
    'pod/pids.current': '3\n',
    'pod/pids.max': '9\n',
    'pod/blkio.throttle.io_serviced_recursive': '999:1 Read 3\n999:1 Write 4\nTotal 7\n',
    'pod/blkio.throttle.io_service_bytes_recursive': '999:1 Read 1\n999:1 Write 2\nTotal 3\n',
  };
  const details = await usageOf(layout, files, cgroupDetails);
  expect(details).toMatchObject({
    ...{ cpuUserNanoseconds: 3e7, cpuSystemNanoseconds: 2e7, cpuShares: 1024, cpuPeriodUs: 100_000 },
    throttling: { periods: 6, throttledPeriods: 1, throttledNanoseconds: 7 },
    ...{ cacheBytes: 11, mappedFileBytes: 12, maxUsageBytes: 16, oomKills: 2, threads: 3, threadsMax: 9 },
    devices: [{ device: '/dev/999:1', readBytes: 1, writtenBytes: 2, reads: 3, writes: 4 }],
  });
  expect(details).not.toHaveProperty('cpuQuotaUs');
});

test('parseNetDev tells interfaces by their names', () => {
  const text = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
  eth0: 1 2 3 4 0 0 0 0 5 6 7 8 0 0 0 0
    lo:9 1 0 0 0 0 0 0 9 1 0 0 0 0 0 0
`;
  expect(parseNetDev(text)).toEqual([
    ...[
      {
        name: 'eth0',
        rxBytes: 1,
        rxPackets: 2,
        rxErrors: 3,
        rxDropped: 4,
        txBytes: 5,
        txPackets: 6,
        txErrors: 7,
        txDropped: 8,
      },
    ],
    ...[
      {
        name: 'lo',
        rxBytes: 9,
        rxPackets: 1,
        rxErrors: 0,
        rxDropped: 0,
        txBytes: 9,
        txPackets: 1,
        txErrors: 0,
        txDropped: 0,
      },
    ],
  ]);
});
