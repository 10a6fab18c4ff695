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

/** Upstream shows what it compares, which has Go's names. */
test.each<['flowschemas' | 'prioritylevelconfigurations', string, object, string]>([
  [
    'prioritylevelconfigurations',
    'exempt',
    {
      type: 'Exempt',
      limited: { nominalConcurrencyShares: 7, limitResponse: { type: 'Queue', queuing: { queues: 3 } } },
      exempt: {},
    },
    `{"Type":"Exempt","Limited":{"NominalConcurrencyShares":7,"LimitResponse":{"Type":"Queue","Queuing":{"Queues":3,"HandSize":8,"QueueLengthLimit":50}},"LendablePercent":0,"BorrowingLimitPercent":null},"Exempt":{"NominalConcurrencyShares":0,"LendablePercent":0}}: spec of 'exempt' except the 'spec.exempt' field must equal the fixed value`,
  ],
  [
    'prioritylevelconfigurations',
    'catch-all',
    {
      type: 'Limited',
      limited: { nominalConcurrencyShares: 7, lendablePercent: 3, limitResponse: { type: 'Reject' } },
    },
    `{"Type":"Limited","Limited":{"NominalConcurrencyShares":7,"LimitResponse":{"Type":"Reject","Queuing":null},"LendablePercent":3,"BorrowingLimitPercent":null},"Exempt":null}: spec of 'catch-all' must equal the fixed value`,
  ],
  [
    'flowschemas',
    'exempt',
    {
      priorityLevelConfiguration: { name: 'exempt' },
      matchingPrecedence: 1,
      rules: [
        {
          subjects: [
            { kind: 'User', user: { name: 'u' } },
            { kind: 'ServiceAccount', serviceAccount: { namespace: 'n', name: 's' } },
          ],
          nonResourceRules: [{ verbs: ['get'], nonResourceURLs: ['/x'] }],
        },
      ],
    },
    `{"PriorityLevelConfiguration":{"Name":"exempt"},"MatchingPrecedence":1,"DistinguisherMethod":null,"Rules":[{"Subjects":[{"Kind":"User","User":{"Name":"u"},"Group":null,"ServiceAccount":null},{"Kind":"ServiceAccount","User":null,"Group":null,"ServiceAccount":{"Namespace":"n","Name":"s"}}],"ResourceRules":null,"NonResourceRules":[{"Verbs":["get"],"NonResourceURLs":["/x"]}]}]}: spec of 'exempt' must equal the fixed value`,
  ],
])('what is refused of the %s %s is shown as upstream shows it', async (plural, name, spec, shown) => {
  await using s = await aServer();
  const type = resources[plural] as unknown as typeof resources.flowschemas;
  await expect(s.client.create(type, level(name, spec) as never)).rejects.toThrow(shown);
});
