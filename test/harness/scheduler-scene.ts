import { FakeClock, settle, silentLogger } from '@berth/kit';
import {
  KubeClient,
  type Node,
  type Pod,
  type ResourceType,
  resources,
  startInformers,
  type Volume,
} from '@berth/kube';
import { MetricRegistry } from '../../orchestrator/src/metrics/metric-registry.ts';
import { schedulerName, startScheduler } from '../../orchestrator/src/scheduler/scheduler.ts';
import { SchedulerMetrics } from '../../orchestrator/src/scheduler/scheduler-metrics.ts';
import { FakeApi } from './fake-api.ts';
import { FakeEvents } from './fake-recorder.ts';

/** A scheduler at an API server of its own, without nodes. */
export async function scene() {
  const clock = new FakeClock();
  const api = new FakeApi({ clock });
  const client = new KubeClient(api);
  const stop = new AbortController();
  const events = new FakeEvents();
  const informers = startInformers(client, { clock, log: silentLogger }, stop.signal);
  const registry = new MetricRegistry();
  const metrics = new SchedulerMetrics(registry, schedulerName);
  const scheduler = await startScheduler(
    { client, informers, clock, log: silentLogger, events: events.recorder(schedulerName), metrics },
    stop.signal,
  );
  return {
    clock,
    client,
    events,
    /** What /metrics tells of it. */
    metrics: () => registry.text(),
    async quiet() {
      for (let i = 0; i < 20; i++) await settle();
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      await scheduler[Symbol.asyncDispose]();
      await informers[Symbol.asyncDispose]();
    },
  };
}

export function aNode(name: string, more: Partial<Node> = {}): Node {
  return {
    metadata: { name, labels: { 'kubernetes.io/hostname': name } },
    status: { allocatable: { cpu: '2', memory: '4Gi', pods: '110' } },
    ...more,
  };
}

export function aPod(name: string, spec: Partial<NonNullable<Pod['spec']>> = {}): Pod {
  return { metadata: { name, namespace: 'default' }, spec: { containers: [{ name: 'c', image: 'i' }], ...spec } };
}

export const requests = (cpu: string) => ({
  containers: [{ name: 'c', image: 'i', resources: { requests: { cpu } } }],
});

/** Of something in the namespace `default`. */
export async function setStatus(client: KubeClient, type: ResourceType, name: string, status: object): Promise<void> {
  const patch = { type: 'merge', patch: { status } } as const;
  await client.patch(type, { namespace: 'default', name }, patch, { subresource: 'status' });
}

/** A pod's volumes: one whose claim `c` waits for its first consumer. */
export async function volumesOfWaitingClaim(client: KubeClient): Promise<Volume[]> {
  const volumeBindingMode = 'WaitForFirstConsumer';
  await client.create(resources.storageclasses, { metadata: { name: 'late' }, provisioner: 'd', volumeBindingMode });
  await client.create(resources.persistentvolumeclaims, {
    metadata: { name: 'c', namespace: 'default' },
    spec: { storageClassName: 'late', accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
  });
  return [{ name: 'v', persistentVolumeClaim: { claimName: 'c' } }];
}
