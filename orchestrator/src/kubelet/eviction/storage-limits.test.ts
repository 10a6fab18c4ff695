import type { Container, Pod, Volume } from '@berth/kube';
import { expect, test } from 'vitest';
import { exceededLimit, hasStorageLimits } from './storage-limits.ts';

const container = (name: string, limit?: string, more: Partial<Container> = {}): Container => ({
  name,
  image: 'i',
  ...(limit === undefined ? {} : { resources: { limits: { 'ephemeral-storage': limit } } }),
  ...more,
});
const podOf = (containers: Container[], volumes: Volume[] = [], initContainers: Container[] = []): Pod => ({
  metadata: { name: 'p' },
  spec: { containers, volumes, initContainers },
});
const emptyDir = (name: string, sizeLimit?: string): Volume => ({ name, emptyDir: sizeLimit ? { sizeLimit } : {} });
const using = (total: number, containers: object = {}, volumes: object = {}) => ({
  total,
  containers: new Map<string, number>(Object.entries(containers)),
  volumes: new Map<string, number>(Object.entries(volumes)),
});
const Mi = 2 ** 20;
const sidecar = { restartPolicy: 'Always' };

test.each([
  ['a volume at its limit', podOf([], [emptyDir('v', '5Mi')]), using(5 * Mi, {}, { v: 5 * Mi }), undefined],
  [
    'a volume over its limit, before all else',
    podOf([container('c', '1Mi')], [emptyDir('w'), emptyDir('v', '5Mi')]),
    using(9 * Mi, { c: 4 * Mi }, { w: Mi, v: 5 * Mi + 1 }),
    'Usage of EmptyDir volume "v" exceeds the limit "5Mi". ',
  ],
  ['a limit of nothing', podOf([], [emptyDir('v', '0')]), using(Mi, {}, { v: Mi }), undefined],
  [
    'all of them together, one without a limit, over the sum',
    podOf([container('a', '1Mi'), container('b', '2Mi'), container('c')], [emptyDir('w')]),
    using(3 * Mi + 1, { a: 1, b: 1, c: Mi }, { w: 2 * Mi }),
    'Pod ephemeral local storage usage exceeds the total limit of containers 3Mi. ',
  ],
  [
    'one container over its own alone',
    podOf([container('a', '1Mi'), container('b', '2Mi')]),
    using(2 * Mi, { a: Mi + 1, b: 1 }),
    'Container a exceeded its local ephemeral storage limit "1Mi". ',
  ],
  [
    'sidecars count with the others',
    podOf([container('a', '1Mi')], [], [container('s', '1Mi', sidecar)]),
    using(2 * Mi, { a: Mi, s: Mi }),
    undefined,
  ],
  ['a large init container', podOf([container('a')], [], [container('i', '4Mi')]), using(4 * Mi), undefined],
])('limits of storage: %s', (_, pod, use, message) => {
  expect(hasStorageLimits(pod)).toBe(true);
  const exceeded = exceededLimit(pod, use);
  expect(exceeded?.message).toBe(message);
  const signals = { Usage: 'emptydirfs.limit', Pod: 'ephemeralpodfs.limit', Container: 'ephemeralcontainerfs.limit' };
  expect(exceeded?.signal).toBe(message && signals[message.split(' ', 1)[0] as keyof typeof signals]);
});

test('a pod without limits takes what it likes', () => {
  const pod = podOf([container('c')], [emptyDir('v')]);
  expect([hasStorageLimits(pod), exceededLimit(pod, using(2 ** 40, { c: 2 ** 40 }, { v: 2 ** 40 }))]).toEqual([
    false,
    undefined,
  ]);
});
