import { type KubeClient, type Pod, resources } from '@berth/kube';
import { expect, test } from 'vitest';
import {
  aNode,
  aPod,
  requests,
  scene,
  setStatus,
  volumesOfWaitingClaim,
} from '../../../test/harness/scheduler-scene.ts';

const find = async (client: KubeClient, name: string) =>
  (await client.list(resources.pods)).items.find(({ metadata }) => metadata.name === name);
const nodeOf = async (client: KubeClient, name: string) => (await find(client, name))?.spec?.nodeName;
const isGoing = async (client: KubeClient, name: string) =>
  (await find(client, name))?.metadata.deletionTimestamp !== undefined;

/** `priority/cpu`, and labels for budgets. */
const weighing = (name: string, priority: number, cpu: string, more: Partial<NonNullable<Pod['spec']>> = {}): Pod => {
  const made = aPod(name, { ...requests(cpu), priority, schedulerName: 'default-scheduler', ...more });
  return { ...made, metadata: { ...made.metadata, labels: { name } } };
};

const only = (node: string) => ({ nodeSelector: { 'kubernetes.io/hostname': node } });

/** The node `a` is taken by `least`, and `high` wants it. */
async function contested() {
  const s = await scene();
  await s.client.create(resources.nodes, aNode('a'));
  await s.client.create(resources.pods, weighing('least', 1, '2'));
  await s.quiet();
  await s.client.create(resources.pods, weighing('high', 10, '2'));
  await s.quiet();
  return s;
}

async function remove(client: KubeClient, name: string): Promise<void> {
  await client.delete(resources.pods, { namespace: 'default', name }, { gracePeriodSeconds: 0 });
}

test('the least important pod goes, in its own time, and the one that needs its room follows when it has gone', async () => {
  await using s = await scene();
  await s.client.create(resources.nodes, aNode('a'));
  await s.client.create(resources.pods, weighing('middle', 5, '1'));
  await s.client.create(resources.pods, weighing('least', 1, '1'));
  await s.quiet();
  const high = await s.client.create(resources.pods, weighing('high', 10, '1'));
  await s.quiet();
  const least = await find(s.client, 'least');
  expect([await isGoing(s.client, 'middle'), least?.metadata.deletionGracePeriodSeconds]).toEqual([false, 30]);
  expect(least?.status?.conditions).toEqual([
    expect.objectContaining({
      type: 'DisruptionTarget',
      status: 'True',
      reason: 'PreemptionByScheduler',
      message: 'default-scheduler: preempting to accommodate a higher priority pod',
    }),
  ]);
  const waiting = await find(s.client, 'high');
  expect([waiting?.spec?.nodeName, waiting?.status?.nominatedNodeName]).toEqual([undefined, 'a']);
  expect(waiting?.status?.conditions?.[0]?.message).toBe('0/1 nodes are available: 1 Insufficient cpu.');
  expect(s.events.lines).toContain(`Preempted: Preempted by pod ${high.metadata.uid} on node a`);
  await remove(s.client, 'least');
  await s.clock.advance(2000);
  await s.quiet();
  expect([await nodeOf(s.client, 'high'), await nodeOf(s.client, 'middle')]).toEqual(['a', 'a']);
});

test('who is tried again while its victim goes takes nobody else', async () => {
  await using s = await scene();
  await s.client.create(resources.nodes, aNode('a'));
  for (const name of ['p1', 'p2']) await s.client.create(resources.pods, weighing(name, 1, '1'));
  await s.quiet();
  await s.client.create(resources.pods, weighing('high', 10, '1'));
  await s.quiet();
  await s.client.create(resources.nodes, aNode('b', { status: { allocatable: {} } }));
  await s.clock.advance(2000);
  await s.quiet();
  const going = await Promise.all(['p1', 'p2'].map((name) => isGoing(s.client, name)));
  expect(going.toSorted()).toEqual([false, true]);
  expect(s.events.lines.at(-1)).toContain('preemption: not eligible due to a terminating pod on the nominated node.');
});

test('room that was made for one is not for another of no more importance', async () => {
  await using s = await contested();
  await remove(s.client, 'least');
  await s.client.create(resources.pods, weighing('late', 10, '2'));
  await s.client.create(resources.pods, weighing('small', 1, '1'));
  await s.quiet();
  expect([await nodeOf(s.client, 'late'), await nodeOf(s.client, 'small')]).toEqual([undefined, undefined]);
  await s.clock.advance(2000);
  await s.quiet();
  expect(await nodeOf(s.client, 'high')).toBe('a');
});

test('a more important one takes a nomination over, and who had it looks elsewhere', async () => {
  await using s = await contested();
  await s.client.create(resources.pods, weighing('highest', 20, '2'));
  await s.quiet();
  const nominated = async (name: string) => (await find(s.client, name))?.status?.nominatedNodeName;
  expect([await nominated('high'), await nominated('highest')]).toEqual([undefined, 'a']);
  await remove(s.client, 'least');
  await s.clock.advance(12_000);
  await s.quiet();
  expect([await nodeOf(s.client, 'high'), await nodeOf(s.client, 'highest')]).toEqual([undefined, 'a']);
});

test('a nomination that no longer helps is taken back', async () => {
  await using s = await contested();
  expect((await find(s.client, 'high'))?.status?.nominatedNodeName).toBe('a');
  const taints = [{ key: 'k', effect: 'NoSchedule' }];
  await s.client.patch(resources.nodes, { name: 'a' }, { type: 'merge', patch: { spec: { taints } } });
  await s.clock.advance(2000);
  await s.quiet();
  const high = await find(s.client, 'high');
  expect(high?.status?.nominatedNodeName).toBeUndefined();
  expect(high?.status?.conditions?.[0]?.message).toBe(
    '0/1 nodes are available: 1 node(s) had untolerated taint(s). preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.',
  );
});

test('nobody goes for a pod of preemptionPolicy Never', async () => {
  await using s = await scene();
  await s.client.create(resources.nodes, aNode('a'));
  await s.client.create(resources.pods, weighing('least', 1, '2'));
  await s.quiet();
  await s.client.create(resources.pods, weighing('polite', 10, '2', { preemptionPolicy: 'Never' }));
  await s.quiet();
  expect(await isGoing(s.client, 'least')).toBe(false);
  expect(s.events.lines.at(-1)).toBe(
    'FailedScheduling: 0/1 nodes are available: 1 Insufficient cpu. preemption: not eligible due to preemptionPolicy=Never.',
  );
});

test('nobody goes where that would not be enough, and the message says what is missing then', async () => {
  await using s = await scene();
  await s.client.create(resources.nodes, aNode('a'));
  await s.client.create(resources.nodes, aNode('b'));
  await s.client.create(resources.pods, weighing('least', 1, '1', only('a')));
  await s.client.create(resources.pods, weighing('equal', 10, '1', only('a')));
  await s.client.create(resources.pods, weighing('same', 10, '2', only('b')));
  await s.quiet();
  await s.client.create(resources.pods, weighing('high', 10, '2'));
  await s.quiet();
  expect(await isGoing(s.client, 'least')).toBe(false);
  expect(s.events.lines.at(-1)).toBe(
    'FailedScheduling: 0/2 nodes are available: 2 Insufficient cpu. preemption: 0/2 nodes are available: 1 Insufficient cpu, 1 No preemption victims found for incoming pod.',
  );
});

/** Two nodes, full: whose pod goes for one of priority 10. */
const costs = [
  { why: 'no budget is exceeded', a: [['a1', 1, '2']], b: [['b1', 5, '2']], budget: 'a1', goes: ['b1'] },
  { why: 'the most important victim means less', a: [['a1', 3, '2']], b: [['b1', 2, '2']], goes: ['b1'] },
  {
    why: 'the sum of importance is less',
    a: [
      ['a1', 3, '1'],
      ['a2', 3, '1'],
    ],
    b: [
      ['b1', 3, '1'],
      ['b2', 2, '1'],
    ],
    goes: ['b1', 'b2'],
  },
  {
    why: 'fewer go, also of negative priority',
    a: [
      ['a1', -1, '1'],
      ['a2', -1, '1'],
    ],
    b: [['b1', -1, '2']],
    goes: ['b1'],
  },
  {
    why: 'they began later',
    a: [['a1', 1, '2', '2026-01-01T00:00:00Z']],
    b: [['b1', 1, '2', '2026-01-02T00:00:00Z']],
    goes: ['b1'],
  },
] as const;

test.each(costs)('pods go from the node where $why', async ({ a, b, goes, ...more }) => {
  await using s = await scene();
  for (const [node, pods] of Object.entries({ a, b })) {
    await s.client.create(resources.nodes, aNode(node));
    for (const [name, priority, cpu, startTime] of pods) {
      await s.client.create(resources.pods, weighing(name, priority, cpu, only(node)));
      if (startTime) await setStatus(s.client, resources.pods, name, { startTime });
    }
  }
  if ('budget' in more) {
    await s.client.create(resources.poddisruptionbudgets, {
      metadata: { name: 'budget', namespace: 'default' },
      spec: { selector: { matchLabels: { name: more.budget } } },
      status: { disruptionsAllowed: 0, currentHealthy: 1, desiredHealthy: 1, expectedPods: 1 },
    });
  }
  await s.quiet();
  await s.client.create(resources.pods, weighing('high', 10, '2'));
  await s.quiet();
  const going = (await s.client.list(resources.pods)).items.filter(({ metadata }) => metadata.deletionTimestamp);
  expect(going.map(({ metadata }) => metadata.name).toSorted()).toEqual([...goes]);
});

const near = { labelSelector: { matchLabels: { name: 'near' } }, topologyKey: 'kubernetes.io/hostname' };
const claimed = { volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'c' } }] };

const inTheWay = [
  {
    by: 'anti-affinity',
    spec: { affinity: { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [near] } } },
  },
  {
    by: 'spreading',
    spec: { topologySpreadConstraints: [{ ...near, maxSkew: 1, whenUnsatisfiable: 'DoNotSchedule' }] },
  },
  { by: 'a volume for one pod', spec: claimed, victim: claimed },
];

test.each(inTheWay)('a pod that stands in the way by $by goes, another does not', async ({ spec, victim = {} }) => {
  await using s = await scene();
  await s.client.create(resources.nodes, aNode('a'));
  await s.client.create(resources.nodes, aNode('empty', { spec: { unschedulable: true } }));
  const accessModes = ['ReadWriteOncePod'];
  await s.client.create(resources.persistentvolumes, { metadata: { name: 'pv' }, spec: { accessModes } });
  await s.client.create(resources.persistentvolumeclaims, {
    metadata: { name: 'c', namespace: 'default' },
    spec: { accessModes, volumeName: 'pv', storageClassName: '' },
  });
  await setStatus(s.client, resources.persistentvolumeclaims, 'c', { phase: 'Bound' });
  await s.client.create(resources.pods, weighing('near', 1, '100m', victim));
  await s.client.create(resources.pods, weighing('other', 1, '100m'));
  await s.quiet();
  const made = weighing('high', 10, '100m', spec);
  const labels = { name: 'near' };
  await s.client.create(resources.pods, { ...made, metadata: { ...made.metadata, labels } });
  await s.quiet();
  expect([await isGoing(s.client, 'near'), await isGoing(s.client, 'other')]).toEqual([true, false]);
  await remove(s.client, 'near');
  await s.clock.advance(2000);
  await s.quiet();
  expect(await nodeOf(s.client, 'high')).toBe('a');
});

test('a pod that still waits for its volume is only held back', async () => {
  await using s = await scene();
  await s.client.create(resources.nodes, aNode('a'));
  const volumes = await volumesOfWaitingClaim(s.client);
  await s.client.create(resources.pods, weighing('least', 1, '2', { volumes }));
  await s.quiet();
  expect((await find(s.client, 'least'))?.status?.nominatedNodeName).toBe('a');
  const high = await s.client.create(resources.pods, weighing('high', 10, '2'));
  await s.quiet();
  await s.clock.advance(2000);
  await s.quiet();
  expect(await nodeOf(s.client, 'high')).toBe('a');
  const least = await find(s.client, 'least');
  expect([least?.metadata.deletionTimestamp, least?.status?.nominatedNodeName]).toEqual([undefined, undefined]);
  expect(s.events.lines).toContain(
    `Preempted: Preempted by pod ${high.metadata.uid} on node a (in kube-scheduler memory).`,
  );
});
