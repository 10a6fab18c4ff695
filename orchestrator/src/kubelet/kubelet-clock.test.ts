import { expect, test } from 'vitest';
import { isRunning, remove, waitingReason } from './testing/ask-pod.ts';
import { aContainer, aPod, podPath, testNode } from './testing/test-node.ts';

test('sidecars have what is left of the grace period, also where the clock was set back meanwhile', async () => {
  await using node = await testNode();
  node.runtime.stubborn.add('c');
  node.api.put(podPath('p1'), aPod({ initContainers: [aContainer({ name: 's1', restartPolicy: 'Always' })] }));
  await node.until(() => isRunning(node), 'Running');
  remove(node, 'p1', 30);
  await node.until(() => node.runtime.graces.get('c') === 30, 'the first stop');
  node.clock.setOn(-3600_000);
  await node.clock.advance(30_000);
  await node.until(() => node.pod('p1') === undefined, 'deletion');
  expect(node.runtime.graces.get('s1')).toBeLessThanOrEqual(2);
});

test.each([
  ['a crash', 'CrashLoopBackOff'],
  ['a failed pull', 'ImagePullBackOff'],
] as const)('after %s nothing waits an hour longer for a clock that was set back by one', async (_, reason) => {
  await using node = await testNode();
  const isPull = reason === 'ImagePullBackOff';
  node.api.put(podPath('p1'), aPod({ containers: [aContainer(isPull ? { image: 'reg/x:1' } : {})] }));
  if (isPull) {
    await node.until(() => waitingReason(node) === 'ErrImagePull', 'ErrImagePull');
    await node.clock.advance(5500);
    node.runtime.registry.add('reg/x:1');
  } else {
    for (const restarts of [1, 2]) {
      await node.until(() => node.runtime.running('c') !== undefined, 'running');
      await node.settled();
      node.runtime.exit('c', 1);
      const seen = () => node.pod('p1')?.status?.containerStatuses?.[0]?.restartCount === restarts;
      await node.until(() => seen() || waitingReason(node) === reason, 'the exit');
    }
  }
  await node.until(() => waitingReason(node) === reason, reason);
  node.clock.setOn(-3600_000);
  await node.clock.advance(11_000);
  await node.until(() => isRunning(node) && node.runtime.running('c') !== undefined, 'running again');
});
