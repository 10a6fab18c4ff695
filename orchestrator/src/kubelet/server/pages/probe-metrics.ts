import { MetricRegistry } from '../../../metrics/metric-registry.ts';
import { addProcessStart } from '../../../metrics/process-start.ts';
import type { PodWorkers } from '../../pods/pod-workers.ts';
import { probeBounds } from '../../probes/probe-counts.ts';

/** kubelet's /metrics/probes (prober_manager.go); of a pod, as long as it is probed. */
export async function probeMetrics(workers: PodWorkers): Promise<string> {
  const registry = new MetricRegistry();
  const totals = registry.counter(
    'prober_probe_total',
    '[BETA] Cumulative number of a liveness, readiness or startup probe for a container by result.',
    ['container', 'namespace', 'pod', 'pod_uid', 'probe_type', 'result'],
  );
  const durations = registry.histogram(
    'prober_probe_duration_seconds',
    '[ALPHA] Duration in seconds for a probe response.',
    ['container', 'namespace', 'pod', 'probe_type'],
    probeBounds,
  );
  for (const { state } of workers.list()) {
    const { name = '', namespace = '', uid = '' } = state.pod.metadata;
    for (const { container, kind, counts } of state.prober.counts()) {
      const type = `${kind[0]?.toUpperCase()}${kind.slice(1)}`;
      for (const result of ['successful', 'failed'] as const)
        if (counts[result] > 0) totals.at(container, namespace, name, uid, type, result).add(counts[result]);
      if (counts.durations) durations.at(container, namespace, name, type).merge(counts.durations);
    }
  }
  addProcessStart(registry);
  return registry.text();
}
