import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Pod } from '@berth/kube';
import { expect, test } from 'vitest';
import { aContainer, aPod, podPath, type TestNode, testNode } from '../testing/test-node.ts';

interface Write {
  readonly object?: string;
  readonly change?: string;
  readonly set?: Record<string, unknown>;
  readonly removed?: readonly string[];
  readonly event?: string;
  readonly source?: string;
  readonly type?: string;
  readonly reason?: string;
  readonly message?: string;
  readonly count?: number;
}

const file = join(import.meta.dirname, '../../../../test/golden/storage-histories.json');
const recorded = JSON.parse(readFileSync(file, 'utf8')) as { cases: { id: string; history: Write[] }[] };

/** Facts the recording leaves out: they differ from run to run. */
const unrecorded =
  /(lastTransitionTime|observedGeneration|containerID|imageID|allocatedResources.*|startedAt|finishedAt)$|^(hostIPs?|podIPs?|startTime|qosClass|resources)\b/;

function flatten(value: unknown, path = ''): [string, unknown][] {
  if (Array.isArray(value)) {
    return value.flatMap((item: { type?: string; name?: string }) =>
      flatten(item, `${path}[${item.type ?? item.name}]`),
    );
  }
  if (value === null || typeof value !== 'object') return [[path, value]];
  const entries = Object.entries(value);
  return entries.length === 0
    ? [[path, {}]]
    : entries.flatMap(([key, inner]) => flatten(inner, path === '' ? key : `${path}.${key}`));
}

function kept(facts: readonly [string, unknown][]): Map<string, unknown> {
  return new Map(facts.filter(([path]) => !unrecorded.test(path)));
}

/** What each of the kubelet's writes set and removed, as the recording tells it. */
function writesOf(node: TestNode, name: string, initial: Pod) {
  let before = kept(flatten(initial.status));
  const writes = node.api.history.filter(({ verb, path }) => verb === 'PATCH' && path.includes(`/pods/${name}/`));
  return writes.map(({ object }) => {
    const after = kept(flatten((object as Pod).status));
    const set = [...after].filter(([path, value]) => JSON.stringify(before.get(path)) !== JSON.stringify(value));
    const removed = [...before.keys()].filter((path) => !after.has(path));
    before = after;
    return { set: Object.fromEntries(set), removed: removed.sort() };
  });
}

function recordedWrites(id: string, pod: string) {
  const history = recorded.cases.find((one) => one.id === id)?.history ?? [];
  const isKubelets = ({ object, change, set = {} }: Write) =>
    object === `pod/${pod}` &&
    change === 'MODIFIED' &&
    !('spec.nodeName' in set) &&
    !('status.nominatedNodeName' in set) &&
    !('metadata.deletionTimestamp' in set);
  return history.filter(isKubelets).map(({ set = {}, removed = [] }) => {
    const facts = Object.entries(set).map(
      ([path, value]) => [path.replace(/^status\./, ''), value] as [string, unknown],
    );
    const gone = removed.map((path) => path.replace(/^status\./, '')).filter((path) => !unrecorded.test(path));
    return { set: Object.fromEntries(kept(facts)), removed: gone.sort() };
  });
}

/** Kubelet's own events of a pod in the recording, each once. */
function recordedEvents(id: string, pod: string): string[] {
  const history = recorded.cases.find((one) => one.id === id)?.history ?? [];
  return history
    .filter(({ event, source, count }) => event === `Pod/${pod}` && source === 'kubelet' && count === 1)
    .map(({ type, reason, message }) => `${pod} ${type} ${reason}: ${message}`);
}

const mount = { name: 'd', mountPath: '/data' };
const container = aContainer({ image: 'local/busybox:1', imagePullPolicy: 'Never', volumeMounts: [mount] });

async function nodeWithImage(): Promise<TestNode> {
  const node = await testNode();
  node.runtime.images.set('local/busybox:1', {});
  return node;
}

test('a watcher sees the pod of case wffc as Kubernetes wrote it, and the same events', async () => {
  await using node = await nodeWithImage();
  const pod = aPod({ containers: [container] });
  node.api.put(podPath('p1'), pod);
  await node.until(() => node.pod('p1')?.status?.phase === 'Running', 'Running');
  await node.settled();
  expect(writesOf(node, 'p1', pod)).toEqual(recordedWrites('wffc', 'p1'));
  node.api.remove(podPath('p1'));
  await node.until(() => node.runtime.counts.containers === 0, 'cleanup');
  expect(node.events).toEqual(recordedEvents('wffc', 'p1'));
});

test('a watcher sees the init container and the refused subPath of case subpath as Kubernetes wrote them', async () => {
  await using node = await nodeWithImage();
  const evil = aContainer({ ...container, name: 'evil' });
  const pod = aPod({ containers: [container], initContainers: [evil] }, { name: 'p3' });
  node.api.put(podPath('p3'), pod);
  await node.until(() => node.runtime.running('evil') !== undefined, 'the init container');
  await node.settled();
  node.volumes.failContainers = 'failed to prepare subPath for volumeMount "d" of container "c"';
  node.runtime.exit('evil', 0);
  const failed = 'p3 Warning Failed: Error: failed to prepare subPath for volumeMount "d" of container "c"';
  await node.until(() => node.events.includes(failed), 'the refusal');
  expect(node.events).toEqual(recordedEvents('subpath', 'p3'));
  const writes = writesOf(node, 'p3', pod);
  expect(writes.slice(0, 4)).toEqual(recordedWrites('subpath', 'p3').slice(0, 4));
});
