import { seededRng, silentLogger } from '@berth/kit';
import { type Informers, type KubeObject, type ResourceType, startInformers } from '@berth/kube';
import { expect, test } from 'vitest';
import { aServer } from '../api-server/server.test-harness.ts';
import { MetricRegistry } from '../metrics/metric-registry.ts';
import { SchedulerMetrics } from '../scheduler/scheduler-metrics.ts';
import { countedObjects, startControlPlane } from './control-plane.ts';

const nothing = () => undefined;

/** Notes who follows a kind whose list was delivered already. */
function notingLate(informers: Informers, late: string[]): Informers {
  return {
    of<T extends KubeObject>(type: ResourceType<T>, ...scope: [object?]) {
      const informer = informers.of(type, ...scope);
      const onChange: typeof informer.onChange = (handler) => {
        if (informer.synced) late.push(type.plural);
        return informer.onChange(handler);
      };
      return Object.create(informer, { onChange: { value: onChange } }) as typeof informer;
    },
    whenSynced: (signal) => informers.whenSynced(signal),
    [Symbol.asyncDispose]: () => informers[Symbol.asyncDispose](),
  };
}

test('scheduler and controllers follow their kinds before any list has come: later they would be told of all objects at once', async () => {
  await using server = await aServer();
  const { client, clock } = server;
  const end = new AbortController();
  const late: string[] = [];
  await using all = startInformers(client, { clock, log: silentLogger }, end.signal);
  const registry = new MetricRegistry();
  const options = {
    client,
    informers: notingLate(all, late),
    clock,
    rng: seededRng(1),
    log: silentLogger,
    caPem: '',
    serviceAccountKey: '',
    authority: () => Promise.reject(new Error('nothing is signed here')),
    queueObserver: () => ({ made: nothing, added: nothing, taken: nothing, done: nothing, retried: nothing }),
    schedulerMetrics: new SchedulerMetrics(registry, 'default-scheduler'),
    objectCounts: countedObjects(registry),
  };
  {
    await using _ = await startControlPlane(options, end.signal);
    expect(late).toEqual([]);
    end.abort();
  }
});
