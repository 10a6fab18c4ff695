import { setImmediate } from 'node:timers/promises';
import type { Pod } from '@berth/kube';
import { expect, test } from 'vitest';
import { aPod, podPath, testNode } from '../testing/test-node.ts';

test('of many pods that are deleted at once a turn begins some, and all of them end', async () => {
  await using node = await testNode();
  const names = Array.from({ length: 100 }, (_, i) => `p${i}`);
  for (const name of names) node.api.put(podPath(name), aPod({}, { name }));
  await node.until(() => names.every((name) => node.pod(name)?.status?.phase === 'Running'), 'all run');
  await node.settled();
  // A pass that begins because a pod is deleted stops its container before it waits for anything but promises.
  const begun = () => node.runtime.calls.filter((call) => call.startsWith('stop ')).length;
  for (const name of names) {
    const { metadata, ...pod } = node.pod(name) as Pod;
    const deleted = { deletionTimestamp: '2030-01-01T00:00:00Z', deletionGracePeriodSeconds: 30 };
    node.api.put(podPath(name), { ...pod, metadata: { ...metadata, ...deleted } });
  }
  let most = 0;
  for (let before = 0; before < names.length; ) {
    await setImmediate();
    const now = begun();
    most = Math.max(most, now - before);
    before = now;
  }
  // Between two looks there may be two turns.
  expect(most).toBeLessThanOrEqual(20);
  await node.until(() => names.every((name) => node.pod(name) === undefined), 'all are gone', 100);
});
