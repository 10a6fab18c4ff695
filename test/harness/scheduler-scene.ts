import { FakeClock, settle, silentLogger } from '@berth/kit';
import { KubeClient, type Node, type Pod, startInformers } from '@berth/kube';
import { startScheduler } from '../../orchestrator/src/scheduler/scheduler.ts';
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
  const scheduler = await startScheduler(
    { client, informers, clock, log: silentLogger, events: events.recorder('default-scheduler') },
    stop.signal,
  );
  return {
    clock,
    client,
    events,
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
