import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { PodSpec } from '@berth/kube';
import { expect, test } from 'vitest';
import type { ContainerRuntime } from '../container-runtime.ts';
import { aContainer, aPod, podPath, TestNode } from '../testing/test-node.ts';

/** A node whose containers have written as much as `written` says into their roots. */
async function nodeWhere(written: { bytes: number }) {
  const node = new TestNode(await mkdtemp(join(tmpdir(), 'berth-eviction-')));
  const { runtime, ...port } = node.runtime.port;
  let looks = 0;
  const ListContainerStats = async () => {
    looks++;
    return {
      stats: (await runtime.ListContainers({ filter: null })).containers.map(({ id, metadata }) => ({
        attributes: { id, metadata, labels: {}, annotations: {} },
        writableLayer: {
          timestamp: '1900000000250000000',
          fsId: { mountpoint: node.root },
          usedBytes: { value: String(written.bytes) },
          inodesUsed: { value: '1' },
        },
      })),
    };
  };
  await node.start({
    runtime: { ...port, runtime: { ...runtime, ListContainerStats } as unknown as ContainerRuntime['runtime'] },
  });
  const status = (name = 'p1') => node.pod(name)?.status;
  /** Files are looked at every ten seconds, which takes time of its own. */
  const until = (check: () => boolean, what: string) => node.until(check, what, 1000);
  return {
    node,
    status,
    until,
    /** Until it was looked at from beginning to end. */
    async looked() {
      const before = looks;
      await until(() => looks >= before + 2, 'a look');
    },
    async run(name: string, spec: Partial<PodSpec>) {
      node.api.put(podPath(name), aPod({ terminationGracePeriodSeconds: 600, ...spec }, { name }));
      await node.until(() => status(name)?.phase === 'Running', 'Running');
    },
    [Symbol.asyncDispose]: () => node[Symbol.asyncDispose](),
  };
}

const limited = { containers: [aContainer({ resources: { limits: { 'ephemeral-storage': '5Mi' } } })] };

test('a pod that writes more than its limit fails as Evicted, once, and its containers have a second to end', async () => {
  const written = { bytes: 4 * 2 ** 20 };
  await using world = await nodeWhere(written);
  const { node, status } = world;
  await world.run('p1', limited);
  await world.looked();
  expect(status()?.phase).toBe('Running');
  written.bytes = 6 * 2 ** 20;
  await world.until(() => status()?.containerStatuses?.[0]?.state?.terminated !== undefined, 'the end');
  const message = 'Pod ephemeral local storage usage exceeds the total limit of containers 5Mi. ';
  expect(status()).toMatchObject({ phase: 'Failed', reason: 'Evicted', message });
  expect(node.events.filter((event) => event.includes('Evicted'))).toEqual([`p1 Warning Evicted: ${message}`]);
  expect(node.runtime.graces.get('c')).toBe(1);
});

test('an emptyDir over its size evicts, too', async () => {
  await using world = await nodeWhere({ bytes: 0 });
  const { node, status } = world;
  await world.run('p1', { volumes: [{ name: 'v', emptyDir: { sizeLimit: '1Mi' } }] });
  const own = join(node.root, 'kubelet/pods', node.pod('p1')?.metadata.uid as string);
  const volume = join(own, 'volumes/kubernetes.io~empty-dir/v');
  await mkdir(volume, { recursive: true });
  await writeFile(join(volume, 'large'), Buffer.alloc(2 * 2 ** 20, 'x'));
  await world.until(() => status()?.reason === 'Evicted', 'the eviction');
  expect(status()?.message).toBe('Usage of EmptyDir volume "v" exceeds the limit "1Mi". ');
});

test('a pod of the cluster itself is not evicted, another is', async () => {
  await using world = await nodeWhere({ bytes: 2 ** 30 });
  await world.run('p1', { ...limited, priority: 2_000_001_000 });
  await world.run('p2', limited);
  await world.until(() => world.status('p2')?.reason === 'Evicted', 'the eviction');
  expect(world.status('p1')?.phase).toBe('Running');
});
