import type { Pod } from '@berth/kube';
import { expect, test } from 'vitest';
import { isRunning } from './testing/ask-pod.ts';
import { aContainer, aPod, podPath, testNode } from './testing/test-node.ts';

test('after kill -9 running pods are adopted: same container, same sandbox, nothing written', async () => {
  await using node = await testNode();
  node.api.put(podPath('p1'), aPod());
  await node.until(() => isRunning(node), 'Running');
  await node.settled();
  const before = { id: node.runtime.running('c')?.id, calls: node.runtime.calls.length };
  const writes = node.api.history.filter(({ path }) => path.includes('/pods/')).length;
  await node.restart();
  await node.settled();
  expect({ id: node.runtime.running('c')?.id, calls: node.runtime.calls.length }).toEqual(before);
  expect(node.api.history.filter(({ path }) => path.includes('/pods/'))).toHaveLength(writes);
});

test('kill -9 between create and start counts no restart: nothing ran', async () => {
  await using node = await testNode();
  node.runtime.stuck.add('c');
  node.api.put(podPath('p1'), aPod());
  await node.until(() => node.runtime.counts.containers === 1, 'a container');
  await node.settled();
  node.runtime.stuck.clear();
  await node.restart();
  await node.until(() => isRunning(node), 'Running');
  await node.settled();
  expect(node.pod('p1')?.status?.containerStatuses?.[0]?.restartCount).toBe(0);
  expect(node.runtime.counts).toEqual({ sandboxes: 1, containers: 1 });
});

test('a ready container stays ready across a restart of the kubelet, until its probe says otherwise', async () => {
  await using node = await testNode();
  let exitCode = 0;
  node.runtime.exec = () => ({ exitCode });
  const readinessProbe = { exec: { command: ['x'] }, periodSeconds: 10, failureThreshold: 1, timeoutSeconds: 1 };
  node.api.put(podPath('p1'), aPod({ containers: [aContainer({ readinessProbe, startupProbe: readinessProbe })] }));
  const ready = () => node.pod('p1')?.status?.containerStatuses?.[0]?.ready;
  await node.until(() => ready() === true, 'ready');
  await node.settled();
  const writes = () => node.api.history.filter(({ path }) => path.includes('/pods/')).length;
  const before = writes();
  await node.restart();
  await node.settled();
  expect([ready(), writes()]).toEqual([true, before]);
  exitCode = 1;
  await node.clock.advance(20_000);
  await node.until(() => ready() === false, 'unready');
});

test('a pod deleted while no kubelet ran is ended by its annotations and cleaned up before volumes may go', async () => {
  await using node = await testNode();
  node.api.put(podPath('p1'), aPod({ terminationGracePeriodSeconds: 7 }));
  await node.until(() => isRunning(node), 'Running');
  node.runtime.stubborn.add('c');
  const restarted = node.restart();
  node.api.remove(podPath('p1'));
  await restarted;
  await node.until(() => node.runtime.graces.get('c') === 7, 'the stop');
  expect(node.volumes.undecided.size).toBe(1);
  await node.clock.advance(7000);
  await node.until(() => node.runtime.counts.sandboxes + node.runtime.counts.containers === 0, 'cleanup');
  expect(node.volumes.undecided.size).toBe(0);
});

test('a pod that is deleted waits for no other one whose containers take long to end', async () => {
  await using node = await testNode();
  node.api.put(
    podPath('p1'),
    aPod({ terminationGracePeriodSeconds: 3600, containers: [aContainer({ name: 'slow' })] }),
  );
  node.api.put(podPath('p2'), aPod({}, { name: 'p2' }));
  await node.until(() => isRunning(node, 'p1') && isRunning(node, 'p2'), 'Running');
  node.runtime.stubborn.add('slow');
  const restarted = node.restart();
  node.api.remove(podPath('p1'));
  const { metadata, ...rest } = node.pod('p2') as Pod;
  const ending = { ...metadata, deletionTimestamp: '2030-01-01T00:00:30Z', deletionGracePeriodSeconds: 30 };
  node.api.put(podPath('p2'), { ...rest, metadata: ending });
  await restarted;
  await node.until(() => node.pod('p2') === undefined, 'the end of p2');
  expect(node.runtime.running('slow')).toBeDefined();
  expect([...node.volumes.undecided]).toHaveLength(1);
});

test('a pod that its source loses sight of for a while is ended, and begun again when it is back', async () => {
  await using node = await testNode();
  node.api.put(podPath('p1'), aPod({ terminationGracePeriodSeconds: 7 }));
  await node.until(() => isRunning(node), 'Running');
  const first = node.runtime.running('c')?.id;
  node.runtime.stubborn.add('c');
  const pod = node.pod('p1') as Pod;
  node.api.remove(podPath('p1'));
  await node.until(() => node.runtime.graces.has('c'), 'the stop');
  node.runtime.stubborn.clear();
  node.api.put(podPath('p1'), pod);
  await node.clock.advance(7000);
  await node.until(
    () => node.runtime.running('c') !== undefined && node.runtime.running('c')?.id !== first,
    'a new container',
  );
});
