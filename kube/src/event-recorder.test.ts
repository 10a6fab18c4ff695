import { FakeClock, seededRng, silentLogger } from '@berth/kit';
import { expect, test } from 'vitest';
import { apiError } from './api-error.ts';
import { KubeClient } from './client.ts';
import { createEventRecorder } from './create-event-recorder.ts';
import type { Event } from './gen/types.ts';
import type { ApiRequest, Transport } from './transport.ts';

const claim = { apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { name: 'c', namespace: 'ns', uid: 'u1' } };

/** An event gives way to what it tells of for so long. */
const untilSentMs = 2;

/** Keeps events by name, as the server would. */
class EventStore implements Transport {
  readonly events = new Map<string, Event>();
  readonly log: string[] = [];
  refuse: Error | undefined;

  async request({ method, path, body }: ApiRequest): Promise<unknown> {
    this.log.push(method);
    if (this.refuse) throw this.refuse;
    const name = path.split('?')[0]?.split('/')[6] ?? ((body as Event).metadata.name as string);
    const before = this.events.get(name);
    if (method === 'PATCH' && !before) throw apiError('NotFound', `events "${name}" not found`);
    this.events.set(name, { ...before, ...(body as Event) });
    return this.events.get(name);
  }

  // biome-ignore lint/correctness/useYield: a recorder never watches
  async *watch(): AsyncIterable<never> {
    throw new Error('a recorder never watches');
  }
}

function setup() {
  const store = new EventStore();
  const clock = new FakeClock();
  const options = { component: 'kubelet', host: 'n1', clock, rng: seededRng(1), log: silentLogger };
  const recorder = createEventRecorder(new KubeClient(store), options);
  return { store, clock, recorder, all: () => [...store.events.values()] };
}

test('an event has the form client-go gives it', async () => {
  const { recorder, all, clock } = setup();
  const chance = BigInt(Math.floor(seededRng(1).next() * 1e6));
  const nanos = (BigInt(clock.now()) * 1_000_000n + chance).toString(16);
  recorder.event(claim, 'Normal', 'Resizing', 'a message', { fieldPath: 'spec.x' });
  await recorder[Symbol.asyncDispose]();
  expect(all()).toEqual([
    {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name: `c.${nanos}`, namespace: 'ns' },
      involvedObject: {
        kind: 'PersistentVolumeClaim',
        namespace: 'ns',
        name: 'c',
        uid: 'u1',
        apiVersion: 'v1',
        fieldPath: 'spec.x',
      },
      type: 'Normal',
      reason: 'Resizing',
      message: 'a message',
      source: { component: 'kubelet', host: 'n1' },
      firstTimestamp: '2030-01-01T00:00:00Z',
      lastTimestamp: '2030-01-01T00:00:00Z',
      count: 1,
      reportingComponent: 'kubelet',
      reportingInstance: 'n1',
    },
  ]);
  expect(clock.pending).toBe(0);
});

test('the same event again raises the count of the first', async () => {
  const { recorder, all, clock, store } = setup();
  for (let i = 0; i < 3; i++) {
    recorder.event(claim, 'Warning', 'Failed', 'no space');
    await clock.advance(1000);
  }
  expect(store.log).toEqual(['POST', 'PATCH', 'PATCH']);
  expect(all()).toMatchObject([
    { count: 3, firstTimestamp: '2030-01-01T00:00:00Z', lastTimestamp: '2030-01-01T00:00:02Z' },
  ]);
  store.events.clear();
  recorder.event(claim, 'Warning', 'Failed', 'no space');
  await clock.advance(untilSentMs);
  expect(store.log.slice(3)).toEqual(['PATCH', 'POST']);
  expect(all()).toMatchObject([{ count: 4 }]);
  await recorder[Symbol.asyncDispose]();
});

test('two components’ events about one object in one millisecond stay two, and repeats find their own', async () => {
  const { store, clock, recorder, all } = setup();
  const other = createEventRecorder(new KubeClient(store), {
    component: 'scheduler',
    clock,
    rng: seededRng(2),
    log: silentLogger,
  });
  recorder.event(claim, 'Normal', 'Mine', 'mine');
  other.event(claim, 'Normal', 'Theirs', 'theirs');
  other.event(claim, 'Normal', 'Theirs', 'theirs');
  await Promise.all([recorder[Symbol.asyncDispose](), other[Symbol.asyncDispose]()]);
  expect(all().map(({ reason, message, count }) => [reason, message, count])).toEqual([
    ['Mine', 'mine', 1],
    ['Theirs', 'theirs', 2],
  ]);
});

test('an event gives way for a moment to what it tells of, and those behind it wait no longer', async () => {
  const { recorder, store, clock } = setup();
  recorder.event(claim, 'Normal', 'A', 'a');
  await clock.advance(1);
  recorder.event(claim, 'Normal', 'B', 'b');
  expect(store.log).toEqual([]);
  await clock.advance(1);
  expect(store.log).toHaveLength(1);
  await clock.advance(1);
  expect(store.log).toHaveLength(2);
  await recorder[Symbol.asyncDispose]();
  expect(clock.pending).toBe(0);
});

test('the tenth event that differs only by its message is combined', async () => {
  const { recorder, all } = setup();
  for (let i = 1; i <= 12; i++) recorder.event(claim, 'Warning', 'Failed', `try ${i}`);
  await recorder[Symbol.asyncDispose]();
  expect(all().length).toBe(10);
  expect(all().at(-1)).toMatchObject({ count: 3, message: '(combined from similar events): try 12' });
});

test('an object gets 25 events at once, then one in five minutes', async () => {
  const { recorder, store, clock } = setup();
  for (let i = 0; i < 40; i++) recorder.event(claim, 'Normal', 'Same', 'again');
  await clock.advance(untilSentMs);
  expect(store.log.length).toBe(25);
  await clock.advance(300_000);
  for (let i = 0; i < 5; i++) recorder.event(claim, 'Normal', 'Same', 'again');
  recorder.event({ ...claim, metadata: { name: 'other' } }, 'Normal', 'Same', 'again');
  await clock.advance(untilSentMs);
  expect(store.log.length).toBe(27);
  await recorder[Symbol.asyncDispose]();
});

test('an event waits for a server that cannot be reached, and is given up when refused', async () => {
  const { recorder, store, clock } = setup();
  store.refuse = apiError('ServiceUnavailable', 'connection refused');
  recorder.event(claim, 'Normal', 'A', 'a');
  await clock.advance(15_000);
  store.refuse = undefined;
  await clock.advance(10_000);
  expect(store.events.size).toBe(1);
  store.refuse = apiError('Forbidden', 'namespace is being terminated');
  const before = store.log.length;
  recorder.event(claim, 'Normal', 'B', 'b');
  await clock.advance(60_000);
  expect(store.log.length).toBe(before + 1);
  await recorder[Symbol.asyncDispose]();
  expect(clock.pending).toBe(0);
});

test('an object may be told of after the clock was set back as before', async () => {
  const { clock, recorder, store } = setup();
  recorder.event(claim, 'Normal', 'A', 'a');
  await clock.advance(untilSentMs);
  clock.setOn(-24 * 3600_000);
  recorder.event(claim, 'Normal', 'B', 'b');
  await recorder[Symbol.asyncDispose]();
  expect(store.log.length).toBe(2);
});
