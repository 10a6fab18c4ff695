import { setImmediate } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { aPod, podPath, testNode } from '../testing/test-node.ts';

test('of many pods that come at once a turn begins some, and all of them run', async () => {
  await using node = await testNode();
  const names = Array.from({ length: 100 }, (_, i) => `p${i}`);
  const begun = () => names.filter((name) => node.pod(name)?.status?.containerStatuses !== undefined).length;
  for (const name of names) node.api.put(podPath(name), aPod({}, { name }));
  let most = 0;
  for (let before = 0; before < names.length; ) {
    await setImmediate();
    const now = begun();
    most = Math.max(most, now - before);
    before = now;
  }
  expect(most).toBeLessThanOrEqual(40);
  await node.until(() => names.every((name) => node.pod(name)?.status?.phase === 'Running'), 'all run');
});
