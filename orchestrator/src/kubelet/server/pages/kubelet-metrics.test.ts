import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { metricProblems } from '../../../../../test/harness/metric-problems.ts';
import { NodeMetrics } from '../../node-metrics.ts';
import { aPod, podPath, TestNode } from '../../testing/test-node.ts';

test('/metrics tells of calls to the runtime, of passes over pods and of when they ran', async () => {
  await using node = new TestNode(await mkdtemp(join(tmpdir(), 'berth-kubelet-')));
  const metrics = new NodeMetrics(node.clock);
  await node.start({ metrics });
  node.api.put(podPath('p1'), aPod());
  await node.until(() => node.pod('p1')?.status?.phase === 'Running', 'a running pod');
  metrics.operation({ operation: 'volume_mount', plugin: 'kubernetes.io/csi:d', status: 'success', seconds: 1 });
  metrics.csiCall('d', { method: 'NodeStageVolume', code: 'INTERNAL', seconds: 2 });
  metrics.evicted('emptydirfs.limit');
  await node.clock.advance(60_000);
  await node.settled();
  const told = await page(node);
  const value = (series: string) => Number(told.get(series));
  expect(value('kubelet_runtime_operations_total{operation_type="run_podsandbox"}')).toBe(1);
  expect(value('kubelet_runtime_operations_duration_seconds_count{operation_type="create_container"}')).toBe(1);
  expect(value('kubelet_runtime_operations_total{operation_type="podsandbox_status"}')).toBeGreaterThan(0);
  expect(told.has('kubelet_runtime_operations_errors_total{operation_type="run_podsandbox"}')).toBe(false);
  expect([value('kubelet_started_pods_total'), value('kubelet_started_pods_errors_total')]).toEqual([1, 0]);
  expect(value('kubelet_pod_start_duration_seconds_count')).toBe(1);
  expect(value('kubelet_pod_worker_duration_seconds_count{operation_type="create"}')).toBe(1);
  expect([
    value('kubelet_pleg_relist_duration_seconds_count'),
    value('kubelet_pleg_relist_interval_seconds_sum'),
  ]).toEqual([2, 60]);
  expect(value('kubelet_evictions{eviction_signal="emptydirfs.limit"}')).toBe(1);
  expect(value('kubelet_active_pods{static="false"}')).toBe(1);
  expect(value('volume_manager_total_volumes{plugin_name="kubernetes.io/fake",state="desired_state_of_world"}')).toBe(
    1,
  );
  expect(
    value(
      'storage_operation_duration_seconds_sum{migrated="false",operation_name="volume_mount",status="success",volume_plugin="kubernetes.io/csi:d"}',
    ),
  ).toBe(1);
  expect(
    value(
      'csi_operations_seconds_sum{driver_name="d",grpc_status_code="Internal",method_name="/csi.v1.Node/NodeStageVolume",migrated="false"}',
    ),
  ).toBe(2);
  expect(value('process_resident_memory_bytes')).toBeGreaterThan(0);
});

test('a pod that ran before the kubelet did starts nothing', async () => {
  await using node = new TestNode(await mkdtemp(join(tmpdir(), 'berth-kubelet-')));
  await node.start();
  node.api.put(podPath('p1'), aPod());
  await node.until(() => node.pod('p1')?.status?.phase === 'Running', 'a running pod');
  await node.restart({ metrics: new NodeMetrics(node.clock) });
  await node.settled();
  const told = await page(node);
  expect(told.get('kubelet_pod_start_duration_seconds_count')).toBe('0');
  expect(told.has('kubelet_pod_worker_duration_seconds_count{operation_type="create"}')).toBe(false);
});

async function page(node: TestNode): Promise<Map<string, string>> {
  const { chunks } = await node.kubelet.api.page('GET', '/metrics', AbortSignal.timeout(60_000));
  let text = '';
  for await (const chunk of chunks) text += Buffer.from(chunk).toString();
  expect(metricProblems(text)).toEqual([]);
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), line.slice(line.lastIndexOf(' ') + 1)]));
}
