import type { EndpointSubset } from '@berth/kube';
import { expect, test } from 'vitest';
import { truncatedSubsets } from './truncated-subsets.ts';

const addresses = (count: number) => Array.from({ length: count }, (_, i) => ({ ip: `10.0.${i >> 8}.${i & 255}` }));
const ofPort = (port: number, ready: number, notReady: number) =>
  ({
    ...(ready > 0 ? { addresses: addresses(ready) } : {}),
    ...(notReady > 0 ? { notReadyAddresses: addresses(notReady) } : {}),
    ports: [{ port }],
  }) as EndpointSubset;
const counts = (subsets: readonly EndpointSubset[] | undefined) =>
  subsets?.map((each) => [each.ports?.[0]?.port, each.addresses?.length ?? 0, each.notReadyAddresses?.length ?? 0]);

// endpoints truncateEndpoints.
test.each([
  ['as many as fit', [[1, 500, 500]], undefined],
  ['one ready too many', [[1, 1001, 0]], [[1, 1000, 0]]],
  ['one not ready too many', [[1, 0, 1001]], [[1, 0, 1000]]],
  ['ready ones go first', [[1, 600, 600]], [[1, 600, 400]]],
  ['no room for others', [[1, 1000, 5]], [[1, 1000, 0]]],
  [
    'ready ones of several, each its share',
    [
      [1, 1000, 3],
      [2, 1000, 0],
      [3, 3000, 1],
    ],
    [
      [1, 200, 0],
      [2, 200, 0],
      [3, 600, 0],
    ],
  ],
  [
    'shares rounded up, the last has what is left',
    [
      [1, 500, 0],
      [2, 501, 0],
    ],
    [
      [1, 500, 0],
      [2, 500, 0],
    ],
  ],
  [
    'not ready ones of several',
    [
      [1, 300, 600],
      [2, 100, 1200],
    ],
    [
      [1, 300, 200],
      [2, 100, 400],
    ],
  ],
  [
    'a subset of which nothing is left',
    [
      [1, 1001, 0],
      [2, 0, 7],
    ],
    [[1, 1000, 0]],
  ],
] as const)('of addresses, %s', (_, given, expected) => {
  const subsets = given.map(([port, ready, notReady]) => ofPort(port, ready, notReady));
  expect(counts(truncatedSubsets(subsets))).toEqual(expected);
});

test('the first addresses are those told', () => {
  const [told] = truncatedSubsets([ofPort(1, 1200, 0)]) ?? [];
  expect(told).toEqual({ addresses: addresses(1000), ports: [{ port: 1 }] });
});
