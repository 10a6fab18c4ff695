import type { cri } from '@berth/protos';
import { MetricRegistry, type Sample } from '../../../metrics/metric-registry.ts';
import type { KubeletPageParts } from './kubelet-page.ts';
import { type NodeStats, nodeUsage } from './node-stats.ts';
import { type SandboxStats, sandboxStats } from './sandbox-stats.ts';

/** kubelet's /metrics/resource: what metrics-server reads (pkg/kubelet/metrics/collectors/resource_metrics.go). */
export async function resourceMetrics(parts: KubeletPageParts, signal: AbortSignal): Promise<string> {
  const { log, clock } = parts.node.options;
  const registry = new MetricRegistry();
  let failed = 0;
  try {
    const [node, stats] = await Promise.all([nodeUsage(parts), sandboxStats(parts.node, signal)]);
    addNode(registry, node, clock.now());
    addUsage(registry, 'container', stats.flatMap(containersOf));
    addUsage(registry, 'pod', stats.map(podOf));
  } catch (error) {
    signal.throwIfAborted();
    log.warn('what the node and its pods use is not known', { error });
    failed = 1;
  }
  const help = '[STABLE] 1 if there was an error while getting container metrics, 0 otherwise';
  registry.gauge('resource_scrape_error', help, [], () => [[[], failed]]);
  return registry.text();
}

function addNode(registry: MetricRegistry, { cpu, memory, swap }: NodeStats, atMs: number): void {
  const one = (value = 0): Sample[] => [[[], value, atMs]];
  const cpuHelp = '[STABLE] Cumulative cpu time consumed by the node in core-seconds';
  registry.count('node_cpu_usage_seconds_total', cpuHelp, [], () => one((cpu?.usageCoreNanoSeconds ?? 0) / 1e9));
  const memoryHelp = '[STABLE] Current working set of the node in bytes';
  registry.gauge('node_memory_working_set_bytes', memoryHelp, [], () => one(memory?.workingSetBytes));
  const swapHelp = '[ALPHA] Current swap usage of the node in bytes. Reported only on non-windows systems';
  registry.gauge('node_swap_usage_bytes', swapHelp, [], () => one(swap?.swapUsageBytes));
}

/** What containers and pods are told of alike. */
interface Used extends Partial<Pick<cri.ContainerStats, 'cpu' | 'memory' | 'swap'>> {
  readonly labels: readonly string[];
  readonly createdAt: string;
}

function containersOf({ sandbox, containers }: SandboxStats): Used[] {
  const { name = '', namespace = '' } = sandbox.metadata ?? {};
  return containers.map(({ metadata, createdAt, stats }) => {
    return { labels: [metadata?.name ?? '', namespace, name], createdAt, ...stats };
  });
}

function podOf({ sandbox: { metadata, createdAt }, linux, swap }: SandboxStats): Used {
  const { name = '', namespace = '' } = metadata ?? {};
  return { labels: [namespace, name], createdAt, cpu: linux?.cpu ?? null, memory: linux?.memory ?? null, swap };
}

function addUsage(registry: MetricRegistry, kind: 'container' | 'pod', all: readonly Used[]): void {
  const isContainer = kind === 'container';
  const names = isContainer ? ['container', 'namespace', 'pod'] : ['namespace', 'pod'];
  const of = (read: (used: Used) => Sample[]) => () => all.flatMap(read);
  registry.count(
    `${kind}_cpu_usage_seconds_total`,
    `[STABLE] Cumulative cpu time consumed by the ${kind} in core-seconds`,
    names,
    of(({ labels, cpu }) => sample(labels, cpu, Number(cpu?.usageCoreNanoSeconds?.value) / 1e9)),
  );
  registry.gauge(
    `${kind}_memory_working_set_bytes`,
    `[STABLE] Current working set of the ${kind} in bytes`,
    names,
    of(({ labels, memory }) => sample(labels, memory, Number(memory?.workingSetBytes?.value))),
  );
  const help = (what: string) =>
    `[ALPHA] Current amount of the ${kind} swap ${what} in bytes. Reported only on non-windows systems`;
  registry.gauge(
    `${kind}_swap_usage_bytes`,
    help('usage'),
    names,
    of(({ labels, swap }) => sample(labels, swap, Number(swap?.swapUsageBytes?.value))),
  );
  if (!isContainer) return;
  registry.gauge(
    'container_swap_limit_bytes',
    help('limit'),
    names,
    of(({ labels, swap }) =>
      sample(labels, swap, Number(swap?.swapAvailableBytes?.value) + Number(swap?.swapUsageBytes?.value ?? 0)),
    ),
  );
  registry.gauge(
    'container_start_time_seconds',
    '[STABLE] Start time of the container since unix epoch in seconds',
    names,
    of(({ labels, createdAt }) => [[labels, Number(createdAt) / 1e9]]),
  );
}

/** When it was read is told, too: rates are reckoned by it. What is no number was not told. */
function sample(
  labels: readonly string[],
  read: { readonly timestamp: string } | null | undefined,
  value: number,
): Sample[] {
  return read && !Number.isNaN(value) ? [[labels, value, Number(BigInt(read.timestamp) / 1_000_000n)]] : [];
}
