import { EventEmitter } from 'node:events';
import { FakeClock } from '@berth/kit';
import { expect, test } from 'vitest';
import { requestInfoOf } from '../request-info.ts';
import { LiveRequests } from './live-requests.ts';
import type { ServedRequest } from './served-request.ts';

function aRequest(query = '') {
  const response = new EventEmitter();
  const told: string[] = [];
  const served = {
    info: requestInfoOf('GET', '/api/v1/pods', new URLSearchParams(query)),
    reply: { response },
    endConnection: () => told.push('last of its connection'),
    end: () => told.push('ended'),
  } as unknown as ServedRequest;
  return { served, told, answered: () => response.emit('close') };
}

function draining(live: LiveRequests, clock: FakeClock) {
  const state = { isOver: false };
  void live.drain(clock, 10_000).then(() => {
    state.isOver = true;
  });
  return state;
}

test('a server that ends waits for the answers it owes, then ends watches', async () => {
  const [live, clock] = [new LiveRequests(), new FakeClock()];
  const [list, late, watch] = [aRequest(), aRequest(), aRequest('watch=true')];
  for (const { served } of [list, watch]) live.begin(served);
  const drained = draining(live, clock);
  live.begin(late.served);
  list.answered();
  await clock.advance(1);
  expect([drained.isOver, list.told, late.told, watch.told]).toEqual([
    false,
    ['last of its connection'],
    ['last of its connection'],
    [],
  ]);
  late.answered();
  await clock.advance(1);
  expect([drained.isOver, watch.told, clock.pending]).toEqual([true, ['ended'], 0]);
});

test('a client that never finishes its request is waited for no longer than said', async () => {
  const [live, clock] = [new LiveRequests(), new FakeClock()];
  live.begin(aRequest().served);
  const drained = draining(live, clock);
  await clock.advance(9_999);
  expect(drained.isOver).toBe(false);
  await clock.advance(1);
  expect(drained.isOver).toBe(true);
});
