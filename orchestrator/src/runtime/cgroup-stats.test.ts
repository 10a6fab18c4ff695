import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { cgroupUsage } from './cgroup-stats.ts';
import type { CgroupLayout } from './cgroups.ts';
import { parseNetDev } from './network-usage.ts';

async function usageOf(layout: (root: string) => CgroupLayout, files: Readonly<Record<string, string>>) {
  const root = await mkdtemp(join(tmpdir(), 'berth-cgroups-'));
  try {
    for (const [name, text] of Object.entries(files)) {
      await mkdir(join(root, name, '..'), { recursive: true });
      await writeFile(join(root, name), text);
    }
    return await cgroupUsage(layout(root), '/pod');
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
