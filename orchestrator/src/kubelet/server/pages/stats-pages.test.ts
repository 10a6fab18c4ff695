import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { cri } from '@berth/protos';
import { expect, test } from 'vitest';
import type { ContainerRuntime } from '../../container-runtime.ts';
import { aContainer, aPod, podPath, TestNode } from '../../testing/test-node.ts';
import { processorsOf } from './machine-metrics.ts';
import { memoryAndSwap } from './node-stats.ts';

const timestamp = '1900000000250000000';
const value = (number: number) => ({ value: String(number) });
const cpu = (seconds: number) => ({
  timestamp,
  usageCoreNanoSeconds: value(seconds * 1e9),
  usageNanoCores: value(7),
  psi: { Some: { Total: '12', Avg10: 1.5, Avg60: 2, Avg300: 3 }, Full: null },
});
const memory = (workingSetBytes: number) => ({
  timestamp,
  workingSetBytes: value(workingSetBytes),
  rssBytes: value(5),
});
const swap = { timestamp, swapUsageBytes: value(10), swapAvailableBytes: value(20) };
const eth0 = { name: 'eth0', rxBytes: value(1), rxErrors: value(2), txBytes: value(3), txErrors: value(4) };

/** A node with a pod of two containers, of which one has ended; what they use, its runtime is made to tell. */
async function statsNode() {
  const node = new TestNode(await mkdtemp(join(tmpdir(), 'berth-stats-')));
  const { runtime, images, ...port } = node.runtime.port;
  const all = async () => (await runtime.ListContainers({ filter: null })).containers;
  const attributes = ({ id, metadata, labels }: cri.Container) => ({ id, metadata, labels, annotations: {} });
  const writableLayer = { timestamp, fsId: { mountpoint: node.root }, usedBytes: value(4096), inodesUsed: value(3) };
  const told = {
    ListPodSandboxStats: async () => {
      const [sandbox] = (await runtime.ListPodSandbox({ filter: null })).items;
      const containers = (await all()).map((each) => ({
        attributes: attributes(each),
        cpu: cpu(2),
        memory: memory(100),
        swap,
        io: { timestamp, psi: null },
      }));
      const network = { timestamp, defaultInterface: eth0, interfaces: [eth0] };
      const process = { timestamp, processCount: value(3) };
      return {
        stats: [{ attributes: sandbox, linux: { cpu: cpu(3), memory: memory(200), network, process, containers } }],
      };
    },
    ListContainerStats: async () => ({
      stats: (await all()).map((each) => ({ attributes: attributes(each), writableLayer })),
    }),
  };
  const image = { timestamp, fsId: { mountpoint: node.root }, usedBytes: value(9), inodesUsed: value(1) };
  await node.start({
    runtime: {
      ...port,
      runtime: { ...runtime, ...told } as unknown as ContainerRuntime['runtime'],
      images: {
        ...images,
        ImageFsInfo: async () => ({ imageFilesystems: [image], containerFilesystems: [] }),
      } as unknown as ContainerRuntime['images'],
    },
  });
  const volumes = [
    { name: 'scratch', emptyDir: {} },
    { name: 'ram', emptyDir: { medium: 'Memory' } },
    { name: 'host', hostPath: { path: '/' } },
    { name: 'words', configMap: { name: 'words' } },
  ];
  node.api.put(
    podPath('p1'),
    aPod({ restartPolicy: 'Never', containers: [aContainer(), aContainer({ name: 'd' })], volumes }),
  );
  await node.until(() => node.pod('p1')?.status?.phase === 'Running', 'Running');
  node.runtime.exit('d', 0);
  await node.settled();
  const own = join(node.root, 'kubelet/pods', node.pod('p1')?.metadata.uid ?? '');
  const files = {
    'volumes/kubernetes.io~empty-dir/scratch/a': 8192,
    'volumes/kubernetes.io~empty-dir/ram/a': 1,
    'volumes/kubernetes.io~host-path/host/a': 1,
    'volumes/kubernetes.io~configmap/words/a': 1,
    'volumes/kubernetes.io~empty-dir/gone/a': 1,
    [`../../../logs/default_p1_${node.pod('p1')?.metadata.uid}/c/0.log`]: 4096,
  };
  for (const [name, bytes] of Object.entries(files)) {
    await mkdir(join(own, name, '..'), { recursive: true });
    await writeFile(join(own, name), Buffer.alloc(bytes, 'a'));
  }
  const page = async (url: string) => {
    const { chunks } = await node.kubelet.api.page('GET', url, AbortSignal.timeout(30_000));
    return Buffer.concat(await Array.fromAsync(chunks)).toString();
  };
  return { node, page, [Symbol.asyncDispose]: () => node[Symbol.asyncDispose]() };
}

test('/stats/summary tells of the containers that run, of their files, and of the volumes that can be looked at', async () => {
  await using world = await statsNode();
  const { node, pods } = JSON.parse(await world.page('/stats/summary'));
  const time = '2030-03-17T17:46:40Z';
  const disk = { time: expect.any(String), capacityBytes: expect.any(Number), inodes: expect.any(Number) };
  const nothing = { total: 0, avg10: 0, avg60: 0, avg300: 0 };
  const psi = { full: nothing, some: { total: 12, avg10: 1.5, avg60: 2, avg300: 3 } };
  const used = { time, usageCoreNanoSeconds: 2e9, usageNanoCores: 7, psi };
  const { name, namespace, uid } = world.node.pod('p1')?.metadata ?? {};
  expect(pods).toMatchObject([
    {
      podRef: { name, namespace, uid },
      cpu: { time, usageCoreNanoSeconds: 3e9 },
      memory: { time, workingSetBytes: 200, rssBytes: 5 },
      swap: { time, swapUsageBytes: 10, swapAvailableBytes: 20 },
      network: { time, name: 'eth0', rxBytes: 1, txErrors: 4, interfaces: [{ name: 'eth0', rxErrors: 2, txBytes: 3 }] },
      process_stats: { process_count: 3 },
      containers: [
        {
          name: 'c',
          cpu: used,
          io: { time },
          memory: { workingSetBytes: 100 },
          rootfs: { ...disk, usedBytes: 4096, inodesUsed: 3 },
        },
      ],
      volume: [
        { name: 'scratch', inodesUsed: 2 },
        { name: 'words', inodesUsed: 2 },
        { name: 'ram', inodesUsed: 2 },
      ],
    },
  ]);
  const [{ containers, volume, ...pod }] = pods;
  expect(containers[0].logs.inodesUsed).toBe(1);
  const [scratch, words] = volume;
  expect(scratch.usedBytes).toBeGreaterThanOrEqual(8192);
  const parts = [containers[0].rootfs, containers[0].logs, scratch, words];
  const sum = (of: 'usedBytes' | 'inodesUsed') => parts.reduce((total, part) => total + part[of], 0);
  // The pod's own /etc/hosts is one more.
  expect(pod['ephemeral-storage'].inodesUsed).toBe(sum('inodesUsed') + 1);
  expect(pod['ephemeral-storage'].usedBytes).toBeGreaterThanOrEqual(sum('usedBytes'));
  expect(node).toMatchObject({
    nodeName: 'node-0',
    cpu: { usageCoreNanoSeconds: expect.any(Number) },
    memory: { availableBytes: expect.any(Number), workingSetBytes: expect.any(Number) },
    swap: { swapUsageBytes: expect.any(Number) },
    network: { interfaces: expect.any(Array) },
    fs: disk,
    runtime: { imageFs: { time, usedBytes: 9, inodesUsed: 1 }, containerFs: { usedBytes: 9 } },
    rlimit: { maxpid: expect.any(Number), curproc: expect.any(Number) },
  });
});

test('/stats/summary?only_cpu_and_memory=true looks at no files', async () => {
  await using world = await statsNode();
  const { node, pods } = JSON.parse(await world.page('/stats/summary?only_cpu_and_memory=true'));
  // A kernel may be built without its pressure.
  expect(Object.keys(node).filter((key) => key !== 'io')).toEqual(['nodeName', 'startTime', 'cpu', 'memory', 'swap']);
  expect(Object.keys(pods[0])).toEqual(['podRef', 'startTime', 'containers', 'cpu', 'memory', 'swap']);
  expect(Object.keys(pods[0].containers[0])).toEqual(['name', 'startTime', 'cpu', 'memory', 'swap', 'io']);
});

test('/metrics/resource tells what containers, pods and the node use, and when that was', async () => {
  await using world = await statsNode();
  const lines = (await world.page('/metrics/resource')).split('\n');
  const container = 'container="c",namespace="default",pod="p1"';
  expect(lines.filter((line) => /^(container|pod)_|^resource_/.test(line))).toEqual([
    `container_cpu_usage_seconds_total{${container}} 2 1900000000250`,
    `container_memory_working_set_bytes{${container}} 100 1900000000250`,
    expect.stringMatching(/^container_start_time_seconds\{container="c",namespace="default",pod="p1"\} \d+(\.\d+)?$/),
    `container_swap_limit_bytes{${container}} 30 1900000000250`,
    `container_swap_usage_bytes{${container}} 10 1900000000250`,
    'pod_cpu_usage_seconds_total{namespace="default",pod="p1"} 3 1900000000250',
    'pod_memory_working_set_bytes{namespace="default",pod="p1"} 200 1900000000250',
    'pod_swap_usage_bytes{namespace="default",pod="p1"} 10 1900000000250',
    'resource_scrape_error 0',
  ]);
  expect(lines).toContain('# TYPE node_cpu_usage_seconds_total counter');
  expect(
    lines.filter((line) => /^node_(cpu_usage_seconds_total|memory_working_set_bytes) [\d.]+ \d+$/.test(line)),
  ).toHaveLength(2);
});

test("a node's memory is told as the kernel tells it", () => {
  const meminfo =
    'MemTotal:  1000 kB\nMemFree:  400 kB\nInactive(file):  100 kB\nAnonPages:  50 kB\nSwapTotal:  30 kB\nSwapFree:  10 kB\n';
  const { memory: of, swap: swapped } = memoryAndSwap(meminfo, 'pgfault 7\npgmajfault 2\n', 't');
  const kB = 1024;
  expect(of).toEqual({
    ...{ time: 't', usageBytes: 600 * kB, workingSetBytes: 500 * kB, availableBytes: 500 * kB },
    ...{ rssBytes: 50 * kB, pageFaults: 7, majorPageFaults: 2 },
  });
  expect(swapped).toEqual({ time: 't', swapUsageBytes: 20 * kB, swapAvailableBytes: 10 * kB });
});

test('/metrics/cadvisor tells of the machine, of its disk, and of no container whose process the runtime does not name', async () => {
  await using world = await statsNode();
  const lines = (await world.page('/metrics/cadvisor')).split('\n');
  const ids = 'boot_id="b",machine_id="m",system_uuid="s"';
  expect(lines).toContain(`machine_memory_bytes{${ids}} ${8 * 2 ** 30}`);
  expect(lines).toContain('# TYPE container_cpu_usage_seconds_total counter');
  const root = 'container="",id="/",image="",name="",namespace="",pod=""';
  expect(lines.some((line) => line.startsWith(`container_memory_working_set_bytes{${root}} `))).toBe(true);
  const disk = 'container="",device="[^"]+",id="/",image="",name="",namespace="",pod=""';
  expect(lines.join('\n')).toMatch(new RegExp(`^container_fs_limit_bytes\\{${disk}\\} [1-9]\\d+ \\d+$`, 'm'));
  expect(lines.filter((line) => line.includes('pod="p1"'))).toEqual([]);
  expect(lines.filter((line) => /^\w+_scrape_error \d/.test(line))).toEqual([
    'container_scrape_error 0',
    'machine_scrape_error 0',
  ]);
});

test('cores and sockets are counted as /proc/cpuinfo tells them', () => {
  const processor = (socket: number, core: number) =>
    `processor\t: 0\nphysical id\t: ${socket}\ncore id\t\t: ${core}\nflags: a`;
  const text = [processor(0, 0), processor(0, 0), processor(0, 1), processor(1, 0)].join('\n\n');
  expect(processorsOf(text, 4)).toEqual({ cores: 3, sockets: 2 });
  expect(processorsOf('processor\t: 0\nBogoMIPS\t: 1\n', 4)).toEqual({ cores: 4, sockets: 1 });
});
