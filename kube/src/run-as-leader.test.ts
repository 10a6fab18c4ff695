import { FakeClock, seededRng, settle, silentLogger } from '@berth/kit';
import { expect, test } from 'vitest';
import { apiError } from './api-error.ts';
import { KubeClient } from './client.ts';
import type { Lease } from './gen/types.ts';
import { LeadershipLostError, runAsLeader } from './run-as-leader.ts';
import type { ApiRequest, Transport } from './transport.ts';

/** One lease with optimistic concurrency, which can stop answering. */
class LeaseServer implements Transport {
  lease: Lease | undefined;
  down = false;
  /** Called with each change that was made, before it is answered. */
  changed: (lease: Lease) => Promise<void> | undefined = () => undefined;
  #revision = 0;

  async request({ method, body }: ApiRequest): Promise<unknown> {
    if (this.down) throw apiError('ServiceUnavailable', 'down');
    if (method === 'GET') {
      if (!this.lease) throw apiError('NotFound', 'no lease');
      return this.lease;
    }
    const sent = body as Lease;
    if (method === 'POST' && this.lease) throw apiError('AlreadyExists', 'there is one');
    const expected = method === 'POST' ? undefined : this.lease?.metadata.resourceVersion;
    if (sent.metadata.resourceVersion !== expected) throw apiError('Conflict', 'the lease changed');
    this.lease = { ...sent, metadata: { ...sent.metadata, resourceVersion: String(++this.#revision) } };
    await this.changed(this.lease);
    return this.lease;
  }

  // biome-ignore lint/correctness/useYield: an election never watches
  async *watch(): AsyncIterable<never> {
    throw new Error('an election never watches');
  }
}

function candidates(...identities: readonly string[]) {
  const server = new LeaseServer();
  const clock = new FakeClock();
  const stops = new Map<string, AbortController>();
  const leading = new Set<string>();
  const outcomes = new Map<string, unknown>();
  const start = (identity: string) => {
    const stop = new AbortController();
    stops.set(identity, stop);
    const client = new KubeClient(server);
    const base = {
      client,
      name: 'l',
      namespace: 'ns',
      identity,
      clock,
      log: silentLogger,
      rng: seededRng(identity.length),
    };
    const run = async (signal: AbortSignal) => {
      leading.add(identity);
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
      leading.delete(identity);
    };
    void runAsLeader(base, run, stop.signal).then(
      () => outcomes.set(identity, 'ended'),
      (error) => outcomes.set(identity, error),
    );
  };
  for (const identity of identities) start(identity);
  const stopAll = async () => {
    for (const stop of stops.values()) stop.abort();
    await clock.advance(0);
  };
  return { server, clock, leading, outcomes, stops, start, stopAll };
}

test('one candidate leads, renews, and hands over at once when it stops', async () => {
  const { server, clock, leading, stops, stopAll, outcomes } = candidates('a', 'bb');
  await clock.advance(60_000);
  expect([...leading]).toEqual(['a']);
  expect(server.lease?.spec).toMatchObject({ holderIdentity: 'a', leaseDurationSeconds: 15, leaseTransitions: 0 });
  stops.get('a')?.abort();
  await clock.advance(5_000);
  expect([...leading]).toEqual(['bb']);
  expect(server.lease?.spec?.leaseTransitions).toBe(1);
  expect(outcomes.get('a')).toBe('ended');
  await stopAll();
  expect(clock.pending).toBe(0);
});

test('a renewal whose answer an end does not wait for is given up too', async () => {
  const { server, clock, leading, stops, stopAll } = candidates('a', 'bb');
  await clock.advance(0);
  server.changed = async ({ spec }) => {
    if (spec?.holderIdentity !== 'a') return;
    server.changed = () => undefined;
    stops.get('a')?.abort();
    await settle();
  };
  await clock.advance(2_000);
  expect(server.lease?.spec).toMatchObject({ holderIdentity: '', leaseDurationSeconds: 1 });
  await clock.advance(5_000);
  expect([...leading]).toEqual(['bb']);
  await stopAll();
});

test('a leader that cannot renew stops within ten seconds, before another can start', async () => {
  const { server, clock, leading, outcomes, stopAll } = candidates('a');
  await clock.advance(4_000);
  server.down = true;
  await clock.advance(8_000);
  expect([...leading]).toEqual(['a']);
  await clock.advance(4_000);
  expect([...leading]).toEqual([]);
  server.down = false;
  await clock.advance(30_000);
  expect(outcomes.get('a')).toBeInstanceOf(LeadershipLostError);
  await stopAll();
  expect(clock.pending).toBe(0);
});

test('a dead leader is replaced after its lease, counted by the waiting one', async () => {
  const { server, clock, leading, start, stopAll } = candidates();
  server.lease = {
    metadata: { namespace: 'ns', name: 'l', resourceVersion: '9' },
    spec: { holderIdentity: 'dead', leaseDurationSeconds: 15, renewTime: '2099-01-01T00:00:00.000000Z' },
  };
  start('a');
  await clock.advance(14_000);
  expect([...leading]).toEqual([]);
  await clock.advance(6_000);
  expect([...leading]).toEqual(['a']);
  await stopAll();
  await settle();
});
