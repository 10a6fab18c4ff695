import { FakeClock, seededRng, silentLogger } from '@berth/kit';
import { expect, test } from 'vitest';
import { apiError } from './api-error.ts';
import { KubeClient } from './client.ts';
import { createEventSeriesRecorder } from './create-event-series-recorder.ts';
import type { EventsV1Event } from './gen/types.ts';
import type { ApiRequest, Transport } from './transport.ts';

const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p', namespace: 'ns', uid: 'u1' } };

/** An event gives way to what it tells of for so long. */
const untilSentMs = 2;

class Events implements Transport {
  readonly kept = new Map<string, EventsV1Event>();
  readonly log: string[] = [];

  async request({ method, path, body }: ApiRequest): Promise<unknown> {
    this.log.push(`${method} ${path.split('/').slice(2, 4).join('/')}`);
    const name = path.split('?')[0]?.split('/')[7] ?? ((body as EventsV1Event).metadata.name as string);
    const before = this.kept.get(name);
    if (method === 'PATCH' && !before) throw apiError('NotFound', `events "${name}" not found`);
    this.kept.set(name, { ...before, ...(body as EventsV1Event) });
    return this.kept.get(name);
  }

  // biome-ignore lint/correctness/useYield: a recorder never watches
  async *watch(): AsyncIterable<never> {
    throw new Error('a recorder never watches');
  }
}

function setup() {
  const server = new Events();
  const clock = new FakeClock();
  const recorder = createEventSeriesRecorder(new KubeClient(server), {
    controller: 'default-scheduler',
    instance: 'default-scheduler-h',
    clock,
    rng: seededRng(1),
    log: silentLogger,
  });
  return { server, clock, recorder, all: () => [...server.kept.values()] };
}

test('an event of events.k8s.io has a moment and an action, and neither count nor source', async () => {
  const { recorder, all, server } = setup();
  recorder.event(pod, 'Normal', 'Scheduled', `${'x'.repeat(2000)}`, { action: 'Binding' });
  await recorder[Symbol.asyncDispose]();
  expect(server.log).toEqual(['POST events.k8s.io/v1']);
  expect(all()).toEqual([
    {
      apiVersion: 'events.k8s.io/v1',
      kind: 'Event',
      metadata: { name: expect.stringMatching(/^p\.[0-9a-f]+$/), namespace: 'ns' },
      eventTime: '2030-01-01T00:00:00.000000Z',
      reportingController: 'default-scheduler',
      reportingInstance: 'default-scheduler-h',
      action: 'Binding',
      regarding: { kind: 'Pod', namespace: 'ns', name: 'p', uid: 'u1', apiVersion: 'v1' },
      type: 'Normal',
      reason: 'Scheduled',
      note: `${'x'.repeat(1020)} ...`,
    },
  ]);
});

test('repeats become a series that is told once in six minutes, and over after six without one', async () => {
  const { recorder, all, server, clock } = setup();
  const fail = async (afterMs: number) => {
    await clock.advance(afterMs - untilSentMs);
    recorder.event(pod, 'Warning', 'FailedScheduling', 'no room', { action: 'Scheduling' });
    await clock.advance(untilSentMs);
  };
  await clock.advance(untilSentMs);
  for (let i = 0; i < 5; i++) await fail(60_000);
  expect(all()).toMatchObject([{ series: { count: 2, lastObservedTime: '2030-01-01T00:02:00.000000Z' } }]);
  for (let i = 0; i < 3; i++) await fail(60_000);
  expect(all()).toMatchObject([{ series: { count: 8 } }]);
  await fail(361_000);
  expect(server.log.map((line) => line.split(' ')[0])).toEqual(['POST', 'PATCH', 'PATCH', 'POST']);
  expect(all()).toHaveLength(2);
  await recorder[Symbol.asyncDispose]();
});
