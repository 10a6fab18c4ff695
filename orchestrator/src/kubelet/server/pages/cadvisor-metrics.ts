import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { MetricRegistry, type Sample } from '../../../metrics/metric-registry.ts';
import { cgroupDetails } from '../../../runtime/cgroup-details.ts';
import { type CgroupLayout, cgroupProcesses, detectCgroups } from '../../../runtime/cgroups.ts';
import { type InterfaceUsage, networkUsage } from '../../../runtime/network-usage.ts';
import type { NodeContext } from '../../node-context.ts';
import { imageNameOf } from '../../pods/runtime-pod.ts';
import {
  cgroupFamilies,
  deviceFamilies,
  diskFamilies,
  type Family,
  type KnownDetails,
  networkFamilies,
  specFamilies,
} from './cadvisor-families.ts';
import type { KubeletPageParts } from './kubelet-page.ts';
import { addMachine, type Disk, diskOf } from './machine-metrics.ts';
import { type NodeStats, nodeUsage } from './node-stats.ts';
import { type RunningPod, runningPods } from './running-pods.ts';

type Labels = Readonly<Record<string, string>>;

/** A cgroup with what is known of it. */
interface Told {
  readonly labels: Labels;
  readonly atMs: number;
  /** In seconds since 1970. */
  readonly startedAt: number;
  readonly details: KnownDetails;
  readonly network: readonly InterfaceUsage[];
  /** The one pods are on. */
  readonly disk?: Disk;
}

/** kubelet's /metrics/cadvisor: of the machine, of pods and of their containers, read from their cgroups now. */
export async function cadvisorMetrics(parts: KubeletPageParts, signal: AbortSignal): Promise<string> {
  const { options, machine } = parts.node;
  const registry = new MetricRegistry();
  let failed = 0;
  try {
    const usage = await nodeUsage(parts);
    const { swap } = usage;
    await addMachine(registry, machine, (swap?.swapAvailableBytes ?? 0) + (swap?.swapUsageBytes ?? 0));
    const layout = detectCgroups();
    const pods = await runningPods(options.runtime, signal);
    const told = await Promise.all(pods.map((pod) => toldOf(parts.node, layout, { pod, signal })));
    add(registry, [await machineTold(parts, usage), ...told.flat()]);
  } catch (error) {
    signal.throwIfAborted();
    options.log.warn('what containers use is not known', { error });
    failed = 1;
  }
  for (const what of ['container', 'machine'])
    registry.gauge(
      `${what}_scrape_error`,
      `1 if there was an error while getting ${what} metrics, 0 otherwise${what === 'machine' ? '.' : ''}`,
      [],
      () => [[[], failed]],
    );
  return registry.text();
}

const nobody: Labels = { container: '', image: '', name: '', namespace: '', pod: '' };

/** The machine's own, of which its kernel tells more than its first cgroup. */
async function machineTold({ node }: KubeletPageParts, usage: NodeStats): Promise<Told> {
  const { clock, dirs } = node.options;
  const { cpu, memory, swap, startTime } = usage;
  const [network, disk] = await Promise.all([networkUsage('self'), diskOf(dirs.root, clock)]);
  return {
    labels: { ...nobody, id: '/' },
    atMs: clock.now(),
    ...(disk && { disk }),
    startedAt: Date.parse(startTime) / 1000,
    network,
    details: {
      cpuNanoseconds: cpu?.usageCoreNanoSeconds ?? 0,
      memoryUsageBytes: memory?.usageBytes ?? 0,
      workingSetBytes: memory?.workingSetBytes ?? 0,
      rssBytes: memory?.rssBytes ?? 0,
      pageFaults: memory?.pageFaults ?? 0,
      majorPageFaults: memory?.majorPageFaults ?? 0,
      swapBytes: swap?.swapUsageBytes ?? 0,
    },
  };
}

async function toldOf(
  { options }: NodeContext,
  layout: CgroupLayout,
  { pod: { sandbox, containers }, signal }: { readonly pod: RunningPod; readonly signal: AbortSignal },
): Promise<Told[]> {
  const { name: pod = '', namespace = '' } = sandbox.metadata ?? {};
  const atMs = options.clock.now();
  const found = await Promise.all(
    containers.map(async ({ id: containerId, metadata, image, createdAt }) => {
      const status = await options.runtime.runtime
        .ContainerStatus({ containerId, verbose: true }, { signal })
        .catch(() => undefined);
      const pid = pidOf(status?.info);
      const path = pid === undefined ? undefined : await cgroupOf(layout, pid);
      if (pid === undefined || path === undefined) return [];
      const labels = { container: metadata?.name ?? '', image: imageNameOf(image), name: containerId, namespace, pod };
      return [{ pid, id: path, labels, createdAt }];
    }),
  );
  const [first] = found.flat();
  if (!first) return [];
  const own = { id: dirname(first.id), labels: { ...nobody, namespace, pod }, createdAt: sandbox.createdAt };
  const traffic = await networkUsage(first.pid);
  const all = [{ ...own, network: traffic }, ...found.flat().map((each) => ({ ...each, network: [] }))];
  const told = all.map(async ({ id, labels, createdAt, network }): Promise<Told[]> => {
    const [details, processes] = await Promise.all([cgroupDetails(layout, id), cgroupProcesses(layout, id)]);
    if (!details) return [];
    const startedAt = Math.floor(Number(createdAt) / 1e9);
    return [
      { labels: { ...labels, id }, atMs, startedAt, network, details: { ...details, processes: processes.length } },
    ];
  });
  return (await Promise.all(told)).flat();
}

/** Runtimes tell it in their own words, which agree in this (containerd's, CRI-O's and ours). */
function pidOf(info: Readonly<Record<string, string>> | undefined): number | undefined {
  try {
    const { pid } = JSON.parse(info?.['info'] ?? '{}') as { readonly pid?: unknown };
    return typeof pid === 'number' && pid > 0 ? pid : undefined;
  } catch {
    return undefined;
  }
}

/** proc_pid_cgroup(5). */
async function cgroupOf({ version }: CgroupLayout, pid: number): Promise<string | undefined> {
  const text = await readFile(`/proc/${pid}/cgroup`, 'utf8').catch(() => '');
  const pattern = version === 2 ? /^0::(\/.*)$/m : /^\d+:(?:[^:]*,)?memory(?:,[^:]*)?:(\/.*)$/m;
  const path = pattern.exec(text)?.[1];
  // Of a container that ended meanwhile, or that has none of its own.
  return path === undefined || path === '/' || path.includes('/..') ? undefined : path;
}

function add(registry: MetricRegistry, all: readonly Told[]): void {
  const startHelp = 'Start time of the container since unix epoch in seconds.';
  const start: Family<Told> = {
    name: 'container_start_time_seconds',
    help: startHelp,
    type: 'gauge',
    value: (of) => of.startedAt,
  };
  const untimed = all.map((told) => ({ told: { ...told, atMs: undefined }, of: told }));
  addFamily(registry, start, untimed);
  const seen: Family<Told> = {
    ...{ name: 'container_last_seen', help: 'Last time a container was seen by the exporter', type: 'gauge' },
    value: ({ atMs }) => Math.floor(atMs / 1000),
  };
  addFamily(
    registry,
    seen,
    all.map((told) => ({ told, of: told })),
  );
  const limits = untimed.map(({ told, of }) => ({ told, of: of.details }));
  for (const family of specFamilies) addFamily(registry, family, limits);
  const details = all.map((told) => ({ told, of: told.details }));
  for (const family of cgroupFamilies) addFamily(registry, family, details);
  addProcessorTime(registry, all);
  addFaults(registry, all);
  const devices = all.flatMap((told) =>
    (told.details.devices ?? []).map((of) => ({ told, of, more: { device: of.device } })),
  );
  for (const family of deviceFamilies) addFamily(registry, family, devices, ['device']);
  const disks = all.flatMap((told) => (told.disk ? [{ told, of: told.disk, more: { device: told.disk.device } }] : []));
  for (const family of diskFamilies) addFamily(registry, family, disks, ['device']);
  const interfaces = all.flatMap((told) => told.network.map((of) => ({ told, of, more: { interface: of.name } })));
  for (const family of networkFamilies) addFamily(registry, family, interfaces, ['interface']);
}

function addProcessorTime(registry: MetricRegistry, all: readonly Told[]): void {
  const family: Family<KnownDetails> = {
    name: 'container_cpu_usage_seconds_total',
    help: 'Cumulative cpu time consumed in seconds.',
    type: 'counter',
    // Nothing is told of what used none.
    value: ({ cpuNanoseconds }) => (cpuNanoseconds ? cpuNanoseconds / 1e9 : undefined),
  };
  addFamily(
    registry,
    family,
    all.map((told) => ({ told, of: told.details, more: { cpu: 'total' } })),
    ['cpu'],
  );
}

function addFaults(registry: MetricRegistry, all: readonly Told[]): void {
  const family: Family<number | undefined> = {
    name: 'container_memory_failures_total',
    help: 'Cumulative count of memory allocation failures.',
    type: 'counter',
    value: (of) => of,
  };
  const rows = all.flatMap((told) =>
    ['container', 'hierarchy'].flatMap((scope) => [
      { told, of: told.details.pageFaults, more: { failure_type: 'pgfault', scope } },
      { told, of: told.details.majorPageFaults, more: { failure_type: 'pgmajfault', scope } },
    ]),
  );
  addFamily(registry, family, rows, ['failure_type', 'scope']);
}

interface Row<T> {
  readonly told: { readonly labels: Labels; readonly atMs: number | undefined };
  readonly of: T;
  /** Labels that not all families have. */
  readonly more?: Labels;
}

function addFamily<T>(
  registry: MetricRegistry,
  { name, help, type, value }: Family<T>,
  rows: readonly Row<T>[],
  moreNames: readonly string[] = [],
): void {
  const names = [...Object.keys(nobody), 'id', ...moreNames].toSorted();
  const samples = rows.flatMap(({ told: { labels, atMs }, of, more = {} }): Sample[] => {
    const known = value(of);
    if (known === undefined) return [];
    const all = { ...labels, ...more };
    const values = names.map((label) => all[label] ?? '');
    return [atMs === undefined ? [values, known] : [values, known, Math.floor(atMs)]];
  });
  if (type === 'counter') registry.count(name, help, names, () => samples);
  else registry.gauge(name, help, names, () => samples);
}
