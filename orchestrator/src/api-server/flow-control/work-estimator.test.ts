import { expect, test } from 'vitest';
import { requestInfoOf } from '../request-info.ts';
import type { ObjectCounts } from './object-counts.ts';
import { WatchCounts } from './watch-counts.ts';
import { WorkEstimator } from './work-estimator.ts';

/** Ten thousand pods of two kilobytes, a hundred nodes of a hundred kilobytes. */
const objects = {
  of: (_group: string, resource: string) =>
    resource === 'pods'
      ? { count: 10_000, averageBytes: 2000 }
      : resource === 'nodes'
        ? { count: 100, averageBytes: 100_000 }
        : undefined,
} as unknown as ObjectCounts;

function estimated(method: string, target: string, { most = 0, watches = new WatchCounts() } = {}) {
  const [path = '', text = ''] = target.split('?');
  const query = new URLSearchParams(text);
  return new WorkEstimator(objects, watches).estimate(requestInfoOf(method, path, query), query, most);
}

test.each<[string, string, number]>([
  ['a get', '/api/v1/namespaces/a/pods/p', 1],
  ['a list of all, which is sent piece by piece', '/api/v1/pods', 10],
  ['a page', '/api/v1/pods?limit=100', 2],
  ['a list of one name', '/api/v1/pods?fieldSelector=metadata.name%3Dp', 1],
  ['a list of few large ones', '/api/v1/nodes?limit=5', 5],
  ['a list of nobody knows how many', '/api/v1/secrets', 1],
  ['a watch from now on', '/api/v1/pods?watch=1&resourceVersion=7', 1],
  ['a watch that begins with all there is', '/api/v1/pods?watch=1', 10],
  ['a watch that asks for all there is', '/api/v1/pods?watch=1&resourceVersion=7&sendInitialEvents=true', 10],
  ['no resource', '/healthz', 1],
])('%s takes its seats', (_what, target, seats) => {
  expect(estimated('GET', target).initialSeats).toBe(seats);
});

test('no request takes more than its level lets one have', () => {
  expect(estimated('GET', '/api/v1/pods', { most: 3 }).initialSeats).toBe(3);
});

test('a write takes more the more watches it wakes, and longer where it may not', () => {
  const watches = new WatchCounts();
  const add = (target: string) => {
    const [path = '', text = ''] = target.split('?');
    const query = new URLSearchParams(text);
    return watches.add(requestInfoOf('GET', path, query), query);
  };
  const open = Array.from({ length: 30 }, () => add('/api/v1/configmaps?watch=1'));
  for (let i = 0; i < 5; i++) add('/api/v1/namespaces/a/configmaps?watch=1');
  for (let i = 0; i < 50; i++) add(`/api/v1/pods?watch=1&fieldSelector=spec.nodeName%3Dn${i}`);
  const path = '/api/v1/namespaces/a/configmaps/c';
  expect(estimated('PUT', path, { watches })).toEqual({ initialSeats: 1, finalSeats: 4, additionalMs: 5 });
  expect(estimated('PUT', path, { watches, most: 2 })).toEqual({ initialSeats: 1, finalSeats: 2, additionalMs: 10 });
  expect(estimated('PUT', '/api/v1/namespaces/b/configmaps/c', { watches }).finalSeats).toBe(3);
  // Each kubelet sees its own node's pods alone.
  expect(estimated('PUT', '/api/v1/namespaces/a/pods/p', { watches }).finalSeats).toBe(0);
  expect(estimated('POST', '/api/v1/namespaces/a/serviceaccounts/s/token', { watches }).finalSeats).toBe(0);
  for (const watch of open) watch[Symbol.dispose]();
  expect(estimated('PUT', path, { watches }).finalSeats).toBe(0);
});
