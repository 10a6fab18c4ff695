import { type KubeObject, resources } from '@berth/kube';
import { expect, test } from 'vitest';
import { aServer } from '../../server.test-harness.ts';

const level = (name: string, spec: object) => ({ metadata: { name }, spec }) as unknown as KubeObject;
const queues = (queuing: object) => ({ type: 'Limited', limited: { limitResponse: { type: 'Queue', queuing } } });

test.each<[string, KubeObject, RegExp]>([
  [
    'too many queues',
    level('x', queues({ queues: 10_000_001, handSize: 1 })),
    /spec.limited.limitResponse.queuing.queues: Invalid value: 10000001: must not be greater than 10000000/,
  ],
  [
    'a hand no hash can deal',
    level('x', queues({ queues: 128, handSize: 9 })),
    /handSize: Invalid value: 9: required entropy bits of deckSize 128 and handSize 9 should not be greater than 60/,
  ],
  [
    'a hand larger than the deck',
    level('x', queues({ queues: 4, handSize: 5 })),
    /handSize: Invalid value: 5: should not be greater than queues \(4\)/,
  ],
  [
    'negative borrowing',
    level('x', { type: 'Limited', limited: { borrowingLimitPercent: -1, limitResponse: { type: 'Reject' } } }),
    /borrowingLimitPercent: Invalid value: -1: if specified, must be a non-negative integer/,
  ],
  [
    'another catch-all',
    level('catch-all', {
      type: 'Limited',
      limited: { nominalConcurrencyShares: 6, lendablePercent: 0, limitResponse: { type: 'Reject' } },
    }),
    /spec of 'catch-all' must equal the fixed value/,
  ],
  [
    'too much lent of exempt',
    level('exempt', { type: 'Exempt', exempt: { lendablePercent: 101 } }),
    /spec.exempt.lendablePercent: Invalid value: 101: must be between 0 and 100, inclusive/,
  ],
])('a priority level with %s is refused', async (_what, object, words) => {
  await using s = await aServer();
  await expect(s.client.create(resources.prioritylevelconfigurations, object as never)).rejects.toThrow(words);
});

test('of the level exempt its share may be said, and of nothing else of what is mandatory', async () => {
  await using s = await aServer();
  const exempt = level('exempt', { type: 'Exempt', exempt: { nominalConcurrencyShares: 10, lendablePercent: 50 } });
  expect(await s.client.create(resources.prioritylevelconfigurations, exempt as never)).toMatchObject({
    spec: { exempt: { nominalConcurrencyShares: 10 } },
  });
  const schema = {
    metadata: { name: 'exempt' },
    spec: { priorityLevelConfiguration: { name: 'exempt' }, matchingPrecedence: 1 },
  };
  await expect(s.client.create(resources.flowschemas, schema as never)).rejects.toThrow(
    /spec of 'exempt' must equal the fixed value/,
  );
});
