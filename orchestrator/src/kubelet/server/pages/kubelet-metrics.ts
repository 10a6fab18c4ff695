import type { Pod } from '@berth/kube';
import { addBuild } from '../../../metrics/build-metrics.ts';
import { MetricRegistry, type Sample } from '../../../metrics/metric-registry.ts';
import { addProcess } from '../../../metrics/process-metrics.ts';
import type { NodeContext } from '../../node-context.ts';
import { type VolumeStats, volumeStats } from './volume-stats.ts';

const volumeFamilies: readonly (readonly [name: string, help: string, field: keyof VolumeStats])[] = [
  ['available_bytes', 'Bytes of the volume that are free.', 'availableBytes'],
  ['capacity_bytes', 'Bytes of the volume.', 'capacityBytes'],
  ['inodes', 'Inodes of the volume.', 'inodes'],
  ['inodes_free', 'Inodes of the volume that are free.', 'inodesFree'],
  ['inodes_used', 'Inodes of the volume that are used.', 'inodesUsed'],
  ['used_bytes', 'Bytes of the volume that are used.', 'usedBytes'],
];

export interface KubeletMetricsOptions {
  readonly pods: readonly Pod[];
  readonly runningContainers: number;
  /** Pods with a container that runs. */
  readonly runningPods: number;
}

/** The families of kubelet's /metrics that are about volumes and pods, under its names. */
export async function kubeletMetrics(
  node: NodeContext,
  { pods, runningContainers, runningPods }: KubeletMetricsOptions,
  signal: AbortSignal,
): Promise<string> {
  const registry = new MetricRegistry();
  const one = (labels: readonly string[], value: number): Sample[] => [[labels, value]];
  registry.gauge('kubelet_node_name', 'The name of the node. The count is always 1.', ['node'], () =>
    one([node.options.nodeName], 1),
  );
  registry.gauge('kubelet_running_pods', 'Pods with a container that runs.', [], () => one([], runningPods));
  registry.gauge('kubelet_running_containers', 'Containers, by their state.', ['container_state'], () =>
    one(['running'], runningContainers),
  );
  // A claim that several pods have is told of once.
  const claims = new Map<string, VolumeStats>();
  const all = await Promise.all(pods.map((pod) => volumeStats({ node, pod, only: 'claims' }, signal)));
  for (const stats of all.flatMap(({ ephemeral, persistent }) => [...ephemeral, ...persistent]))
    if (stats.pvcRef) claims.set(`${stats.pvcRef.namespace}/${stats.pvcRef.name}`, stats);
  for (const [name, help, field] of volumeFamilies)
    registry.gauge(`kubelet_volume_stats_${name}`, help, ['namespace', 'persistentvolumeclaim'], () =>
      [...claims.values()].flatMap(({ pvcRef, [field]: value }): Sample[] =>
        pvcRef && typeof value === 'number' ? [[[pvcRef.namespace, pvcRef.name], value]] : [],
      ),
    );
  for (const name of ['active', 'desired'])
    registry.gauge(`kubelet_${name}_pods`, 'Pods this node has.', ['static'], () => one(['false'], pods.length));
  registry.gauge('volume_manager_total_volumes', 'Volumes that pods have, and want.', ['plugin_name', 'state'], () =>
    node.options.volumes.totals().map(({ plugin, state, count }): Sample => [[plugin, state], count]),
  );
  addBuild(registry);
  addProcess(registry);
  return `${await registry.text()}${(await node.options.metrics?.text()) ?? ''}`;
}
