import { setImmediate } from 'node:timers/promises';
import { resources } from '@berth/kube';
import { expect, test } from 'vitest';
import { turns } from './decoding/turns.ts';
import { aConfigMap, aServer } from './server.test-harness.ts';

test('of many requests of parts of this process at once a turn answers some, in their order', async () => {
  await using s = await aServer();
  await turns.rest();
  const answered: number[] = [];
  const all = Array.from({ length: 200 }, async (_, i) => {
    await s.client.create(resources.configmaps, aConfigMap(`c-${i}`, {}) as never);
    answered.push(i);
  });
  let most = 0;
  for (let before = 0; answered.length < all.length; before = answered.length) {
    await setImmediate();
    most = Math.max(most, answered.length - before);
  }
  expect(most).toBeLessThan(100);
  expect(answered).toEqual(answered.toSorted((a, b) => a - b));
});
