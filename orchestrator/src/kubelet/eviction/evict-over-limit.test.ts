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
  const ListContainerStats = async () => ({
    stats: (await runtime.ListContainers({ filter: null })).containers.map(({ id, metadata }) => ({
      attributes: { id, metadata, labels: {}, annotations: {} },
      writableLayer: {
        timestamp: '1900000000250000000',
        fsId: { mountpoint: node.root },
        usedBytes: { value: String(written.bytes) },
        inodesUsed: { value: '1' },
      },
    })),
  });
  await node.start({
    runtime: { ...port, runtime: { ...runtime, ListContainerStats } as unknown as ContainerRuntime['runtime'] },
  });
  const status = () => node.pod('p1')?.status;
  return {
    node,
    status,
    async run(spec: Partial<PodSpec>) {
      node.api.put(podPath('p1'), aPod({ terminationGracePeriodSeconds: 600, ...spec }));
      await node.until(() => status()?.phase === 'Running', 'Running');
    },
    [Symbol.asyncDispose]: () => node[Symbol.asyncDispose](),
  };
}

const limited = { containers: [aContainer({ resources: { limits: { 'ephemeral-storage': '5Mi' } } })] };

test('a pod that writes more than its limit fails as Evicted, and its containers have a second to end', async () => {
  const written = { bytes: 4 * 2 ** 20 };
  await using world = await nodeWhere(written);
  const { node, status } = world;
  await world.run(limited);
  await node.clock.advance(20_000);
  expect(status()?.phase).toBe('Running');
  written.bytes = 6 * 2 ** 20;
  await node.clock.advance(10_000);
  await node.until(() => status()?.containerStatuses?.[0]?.state?.terminated !== undefined, 'the end');
  const message = 'Pod ephemeral local storage usage exceeds the total limit of containers 5Mi. ';
  expect(status()).toMatchObject({ phase: 'Failed', reason: 'Evicted', message });
  expect(node.events).toContain(`p1 Warning Evicted: ${message}`);
  expect(node.runtime.graces.get('c')).toBe(1);
  await node.clock.advance(30_000);
  expect(node.events.filter((event) => event.includes('Evicted'))).toHaveLength(1);
});

test('an emptyDir over its size evicts, too', async () => {
  await using world = await nodeWhere({ bytes: 0 });
  const { node, status } = world;
  const volumes = [{ name: 'v', emptyDir: { sizeLimit: '1Mi' } }];
  await world.run({ volumes });
  const volume = join(
    node.root,
    'kubelet/pods',
    node.pod('p1')?.metadata.uid as string,
    'volumes/kubernetes.io~empty-dir/v',
  );
  await mkdir(volume, { recursive: true });
  await writeFile(join(volume, 'large'), Buffer.alloc(2 * 2 ** 20, 'x'));
  await node.clock.advance(10_000);
  await node.until(() => status()?.reason === 'Evicted', 'the eviction');
  expect(status()?.message).toBe('Usage of EmptyDir volume "v" exceeds the limit "1Mi". ');
});

test('a pod of the cluster itself is not evicted', async () => {
  await using world = await nodeWhere({ bytes: 2 ** 30 });
  await world.run({ ...limited, priority: 2_000_001_000 });
  await world.node.clock.advance(30_000);
  expect(world.status()?.phase).toBe('Running');
});
