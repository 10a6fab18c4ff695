import { statfs } from 'node:fs/promises';
import { cpus, freemem, totalmem, uptime } from 'node:os';
import { type Clock, rfc3339 } from '@berth/kit';
import type { Pod } from '@berth/kube';
import type { cri } from '@berth/protos';
import type { NodeContext } from '../../node-context.ts';
import { volumeStats } from './volume-stats.ts';

/** What the node and its pods use now (kubelet's /stats/summary, stats/v1alpha1): what the kernel, the runtime and CSI drivers say. */
export async function statsSummary(node: NodeContext, pods: readonly Pod[], signal: AbortSignal): Promise<object> {
  const { stats } = await node.options.runtime.runtime.ListPodSandboxStats({ filter: null }, { signal });
  const byUid = new Map(stats.map((each) => [each.attributes?.metadata?.uid ?? '', each]));
  const running = pods.filter(({ metadata: { uid } }) => byUid.has(uid ?? ''));
  return {
    node: await nodeStats(node),
    pods: await Promise.all(
      running.map(async (pod) => {
        const { metadata, status } = pod;
        const sandbox = byUid.get(metadata.uid ?? '')?.linux;
        const volume = await volumeStats(node, pod, signal);
        return {
          podRef: { name: metadata.name, namespace: metadata.namespace, uid: metadata.uid },
          startTime: status?.startTime ?? null,
          containers: (sandbox?.containers ?? []).map((each) => containerStats(each, pod)),
          ...usage(sandbox),
          ...(volume.length > 0 ? { volume } : {}),
          ...(sandbox?.process?.processCount
            ? { process_stats: { process_count: Number(sandbox.process.processCount.value) } }
            : {}),
        };
      }),
    ),
  };
}

async function nodeStats({ options: { clock, nodeName, dirs } }: NodeContext): Promise<object> {
  const time = rfc3339(clock.now());
  const ticks = cpus().map(({ times: { user, nice, sys, irq } }) => user + nice + sys + irq);
  const availableBytes = freemem();
  return {
    nodeName,
    startTime: rfc3339(clock.now() - uptime() * 1000),
    cpu: { time, usageCoreNanoSeconds: ticks.reduce((sum, each) => sum + each, 0) * 1e6 },
    memory: { time, availableBytes, workingSetBytes: totalmem() - availableBytes },
    fs: await filesystemStats(dirs.root, clock),
  };
}

async function filesystemStats(path: string, clock: Clock): Promise<object> {
  const { bsize, blocks, bfree, bavail, files, ffree } = await statfs(path);
  return {
    time: rfc3339(clock.now()),
    availableBytes: bavail * bsize,
    capacityBytes: blocks * bsize,
    usedBytes: (blocks - bfree) * bsize,
    inodesFree: ffree,
    inodes: files,
    inodesUsed: files - ffree,
  };
}

function containerStats(stats: cri.ContainerStats, { status }: Pod): object {
  const name = stats.attributes?.metadata?.name ?? '';
  const all = [...(status?.containerStatuses ?? []), ...(status?.initContainerStatuses ?? [])];
  const startTime = all.find((each) => each.name === name)?.state?.running?.startedAt ?? null;
  return { name, startTime, ...usage(stats) };
}

interface Usage {
  readonly cpu: cri.CpuUsage | null;
  readonly memory: cri.MemoryUsage | null;
}

function usage(from: Usage | null | undefined): object {
  const { cpu, memory } = from ?? {};
  return {
    ...(cpu && { cpu: { time: timeOf(cpu.timestamp), ...numbers(cpu, ['usageNanoCores', 'usageCoreNanoSeconds']) } }),
    ...(memory && {
      memory: {
        time: timeOf(memory.timestamp),
        ...numbers(memory, ['usageBytes', 'workingSetBytes', 'rssBytes', 'pageFaults', 'majorPageFaults']),
      },
    }),
  };
}

function numbers<K extends string>(from: Readonly<Record<K, cri.UInt64Value | null>>, names: readonly K[]) {
  return Object.fromEntries(names.flatMap((name) => (from[name] ? [[name, Number(from[name].value)]] : [])));
}

function timeOf(nanoseconds: string): string {
  return rfc3339(Number(nanoseconds) / 1e6);
}
