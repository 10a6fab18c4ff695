import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Pod } from '@berth/kube';
import { expect, test } from 'vitest';
import { aContainer, aPod, podPath, type TestNode, testNode } from './testing/test-node.ts';

const amounts = (cpu: string, memory: string) => ({ limits: { cpu, memory }, requests: { cpu, memory } });
const small = amounts('100m', '35Mi');
const large = amounts('150m', '40Mi');

const withBoth = (a: ReturnType<typeof amounts>, b: ReturnType<typeof amounts>) => [
  aContainer({ name: 'a', resources: a }),
  aContainer({ name: 'b', resources: b }),
];

async function runningPod(): Promise<TestNode> {
  const node = await testNode();
  node.api.put(podPath('p1'), aPod({ containers: withBoth(small, large) }));
  await node.until(() => node.pod('p1')?.status?.phase === 'Running', 'Running');
  await node.settled();
  return node;
}

/** One container grows, the other shrinks. */
function resize(node: TestNode): void {
  const pod = node.pod('p1') as Pod;
  const spec = { ...pod.spec, containers: withBoth(large, small) };
  node.api.put(podPath('p1'), { ...pod, metadata: { ...pod.metadata, generation: 2 }, spec } as Pod);
}

const inProgress = ({ status }: Pod) => status?.conditions?.find(({ type }) => type === 'PodResizeInProgress');
const pending = ({ status }: Pod) => status?.conditions?.find(({ type }) => type === 'PodResizePending');
const told = ({ status }: Pod) => status?.containerStatuses?.map(({ resources }) => resources);
const summary = (a: object, b: object, error?: string) =>
  JSON.stringify({
    containers: [
      { name: 'a', resources: a },
      { name: 'b', resources: b },
    ],
    generation: 2,
    error,
  });

test('a status that observes a new spec tells of its resize until the containers have it', async () => {
  await using node = await runningPod();
  expect(told(node.pod('p1') as Pod)).toEqual([small, large]);
  const held = Promise.withResolvers<void>();
  node.runtime.heldUpdates = held.promise;
  const before = node.api.history.length;
  resize(node);
  await node.until(() => node.pod('p1')?.status?.observedGeneration === 2, 'the new spec seen');
  await node.settled();
  const during = node.pod('p1') as Pod;
  expect(inProgress(during)).toMatchObject({ status: 'True', observedGeneration: 2 });
  // The request of memory is no bound of a cgroup.
  expect(told(during)).toEqual([
    { limits: small.limits, requests: { cpu: '100m', memory: '40Mi' } },
    { limits: large.limits, requests: { cpu: '150m', memory: '35Mi' } },
  ]);
  expect(node.events).toContain(`p1 Normal ResizeStarted: Pod resize started: ${summary(large, small)}`);

  held.resolve();
  await node.until(() => inProgress(node.pod('p1') as Pod) === undefined, 'the end of the resize');
  // What shrinks makes room first; its share of cpu is no bound, and follows.
  expect(node.runtime.calls.slice(-3)).toEqual(['update b', 'update a', 'update b']);
  expect(told(node.pod('p1') as Pod)).toEqual([large, small]);
  expect(node.events.at(-1)).toBe(`p1 Normal ResizeCompleted: Pod resize completed: ${summary(large, small)}`);
  const seen = node.api.history
    .slice(before)
    .filter(({ path }) => path.includes('/pods/'))
    .map(({ object }) => object as Pod)
    .filter(({ status }) => status?.observedGeneration === 2);
  // None says that it is done and tells of what the containers had before.
  expect(seen.filter((pod) => !inProgress(pod)).map(told)).toEqual([[large, small]]);
});

test('a resize that the runtime refuses says why, and is tried again', async () => {
  await using node = await runningPod();
  node.runtime.failUpdates = 'device or resource busy';
  resize(node);
  await node.until(() => inProgress(node.pod('p1') as Pod)?.reason === 'Error', 'the error');
  expect(inProgress(node.pod('p1') as Pod)?.message).toBe('device or resource busy');
  expect(node.events.at(-1)).toBe(
    `p1 Warning ResizeError: Pod resize error: ${summary(large, small, 'device or resource busy')}`,
  );
  node.runtime.failUpdates = undefined;
  await node.clock.advance(10_000);
  await node.until(() => inProgress(node.pod('p1') as Pod) === undefined, 'the end of the resize');
  expect(told(node.pod('p1') as Pod)).toEqual([large, small]);
});

const cpus = (count: string) => ({ requests: { cpu: count, memory: '32Mi' } });
const ofOne = (count: string) => ({ containers: [aContainer({ name: 'a', resources: cpus(count) })] });

/** Two pods on a node of four CPUs. */
async function twoPods(): Promise<TestNode> {
  const node = await testNode();
  node.api.put(podPath('p1'), aPod(ofOne('1')));
  node.api.put(podPath('p2'), aPod(ofOne('2'), { name: 'p2' }));
  for (const name of ['p1', 'p2']) await node.until(() => node.pod(name)?.status?.phase === 'Running', 'Running');
  await node.settled();
  return node;
}

function ask(node: TestNode, name: string, count: string, generation: number): void {
  const pod = node.pod(name) as Pod;
  const containers = [{ ...(pod.spec?.containers[0] ?? aContainer()), resources: cpus(count) }];
  const spec = { ...pod.spec, containers };
  node.api.put(podPath(name), { ...pod, metadata: { ...pod.metadata, generation }, spec } as Pod);
}

const noRoom = "Node didn't have enough resource: cpu, requested: 3000, used: 2000, capacity: 4000";
const waits = { status: 'True', reason: 'Deferred', message: noRoom, observedGeneration: 2 };
const shares = ({ runtime }: TestNode) => runtime.calls.filter((call) => call.startsWith('update')).length;

test('a resize that the node has no room for waits until another pod is gone', async () => {
  await using node = await twoPods();
  ask(node, 'p1', '3', 2);
  await node.until(() => pending(node.pod('p1') as Pod) !== undefined, 'the wait');
  await node.settled();
  expect(pending(node.pod('p1') as Pod)).toMatchObject(waits);
  expect(inProgress(node.pod('p1') as Pod)).toBeUndefined();
  expect(shares(node)).toBe(0);
  expect(told(node.pod('p1') as Pod)).toEqual([cpus('1')]);
  const summary = JSON.stringify({
    containers: [{ name: 'a', resources: cpus('3') }],
    generation: 2,
    error: noRoom,
  });
  expect(node.events.filter((event) => event.includes('ResizeDeferred'))).toEqual([
    `p1 Warning ResizeDeferred: Pod resize OutOfcpu: ${summary}`,
  ]);

  const other = node.pod('p2') as Pod;
  node.api.put(podPath('p2'), {
    ...other,
    metadata: { ...other.metadata, deletionTimestamp: '2030-01-01T00:00:00Z', deletionGracePeriodSeconds: 0 },
  });
  await node.until(() => told(node.pod('p1') as Pod)?.[0]?.requests?.['cpu'] === '3', 'the resize', 1000);
  await node.settled();
  expect(pending(node.pod('p1') as Pod)).toBeUndefined();
});

test('a resize that waits is done when another pod shrinks, and forgotten when it is taken back', async () => {
  await using node = await twoPods();
  ask(node, 'p1', '3', 2);
  await node.until(() => pending(node.pod('p1') as Pod) !== undefined, 'the wait');
  ask(node, 'p1', '1', 3);
  await node.until(() => pending(node.pod('p1') as Pod) === undefined, 'the end of the wait');
  expect(shares(node)).toBe(0);
  ask(node, 'p1', '3', 4);
  await node.until(() => pending(node.pod('p1') as Pod)?.observedGeneration === 4, 'another wait');
  ask(node, 'p2', '1', 2);
  await node.until(() => told(node.pod('p1') as Pod)?.[0]?.requests?.['cpu'] === '3', 'the resize');
  await node.until(() => told(node.pod('p2') as Pod)?.[0]?.requests?.['cpu'] === '1', 'the other');
});

test('a kubelet that starts again gives a pod no more than it had while its resize waits', async () => {
  await using node = await twoPods();
  ask(node, 'p1', '3', 2);
  await node.until(() => pending(node.pod('p1') as Pod) !== undefined, 'the wait');
  await node.settled();
  await node.restart();
  await node.settled();
  expect(pending(node.pod('p1') as Pod)).toMatchObject(waits);
  expect(shares(node)).toBe(0);
  ask(node, 'p2', '1', 2);
  await node.until(() => told(node.pod('p1') as Pod)?.[0]?.requests?.['cpu'] === '3', 'the resize');
});

test('a kubelet that starts again knows what pods were given, whatever they ask for since', async () => {
  await using node = await twoPods();
  ask(node, 'p2', '1', 2);
  await node.until(() => told(node.pod('p2') as Pod)?.[0]?.requests?.['cpu'] === '1', 'the resize');
  await node.settled();
  const before = shares(node);
  const restarted = node.restart();
  ask(node, 'p1', '4', 2);
  ask(node, 'p2', '2', 3);
  await restarted;
  await node.until(
    () => told(node.pod('p2') as Pod)?.[0]?.requests?.['cpu'] === '2',
    'the resize that there is room for',
  );
  await node.settled();
  expect(pending(node.pod('p1') as Pod)).toMatchObject({
    reason: 'Deferred',
    message: "Node didn't have enough resource: cpu, requested: 4000, used: 2000, capacity: 4000",
  });
  expect(told(node.pod('p1') as Pod)).toEqual([cpus('1')]);
  expect(shares(node)).toBe(before + 1);
});

test('a resize that waits is tried every three minutes, and tells when', async () => {
  await using node = await twoPods();
  const probed = () => pending(node.pod('p1') as Pod)?.lastProbeTime;
  ask(node, 'p1', '3', 2);
  await node.until(() => probed() !== undefined, 'the wait');
  await node.settled();
  const first = Date.parse(probed() as string);
  const writes = () => node.api.history.filter(({ path }) => path.includes('/pods/')).length;
  const before = writes();
  await node.clock.advance(179_000);
  await node.settled();
  expect([Date.parse(probed() as string), writes()]).toEqual([first, before]);
  await node.clock.advance(1000);
  await node.until(() => probed() !== new Date(first).toISOString().replace('.000Z', 'Z'), 'another try');
  expect(Date.parse(probed() as string) - first).toBe(180_000);
});

test('what a pod was given is forgotten with it', async () => {
  await using node = await twoPods();
  const uid = (node.pod('p2') as Pod).metadata.uid as string;
  const directory = join(node.root, 'kubelet/pods', uid);
  expect(existsSync(join(directory, 'allocated.json'))).toBe(true);
  node.api.remove(podPath('p2'));
  await node.until(() => !existsSync(directory), 'the end of the pod', 1000);
});
