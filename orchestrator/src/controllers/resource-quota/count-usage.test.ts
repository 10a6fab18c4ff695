import { setImmediate } from 'node:timers/promises';
import { type KubeObject, type ResourceType, resources } from '@berth/kube';
import { expect, test } from 'vitest';
import { listOf } from '../../quota/amounts.ts';
import { countUsage } from './count-usage.ts';

test('of many objects each turn of the event loop counts some', async () => {
  let turn = 0;
  const counted = new Map<number, number>();
  function* pods(): Generator<KubeObject> {
    for (let i = 0; i < 5000; i++) {
      counted.set(turn, (counted.get(turn) ?? 0) + 1);
      yield {
        metadata: { name: `p${i}` },
        spec: { containers: [{ resources: { requests: { cpu: '1m' } } }] },
      } as KubeObject;
    }
  }
  const type = resources.pods as unknown as ResourceType<KubeObject>;
  const hard = { pods: '10000', 'requests.cpu': '20' };
  let isDone = false;
  const quota = { metadata: { name: 'q' }, spec: { hard } };
  const counting = countUsage(quota, Object.keys(hard), [{ type, objects: pods }]).finally(() => {
    isDone = true;
  });
  for (; !isDone; turn++) await setImmediate();
  expect(listOf(await counting)).toEqual({ pods: '5k', 'requests.cpu': '5' });
  // What waits may go on behind or before this test in the same turn.
  expect(Math.max(...counted.values())).toBeLessThanOrEqual(1001);
});
