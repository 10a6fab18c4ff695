import { rfc3339, seededRng } from '@berth/kit';
import { type KubeObject, type Pod, type PodDisruptionBudget, resources, resourceType } from '@berth/kube';
import { expect, test } from 'vitest';
import { FakeEvents } from '../../../../test/harness/fake-recorder.ts';
import { aCustomServer, fooDefinition } from '../../api-server/custom-resources/custom-resources.harness.ts';
import { aPod, aServer } from '../../api-server/server.test-harness.ts';
import { withControllers } from '../controller.test-harness.ts';
import { startDisruptionController } from './disruption-controller.ts';

type Spec = NonNullable<PodDisruptionBudget['spec']>;
type Owner = Pick<KubeObject, 'apiVersion' | 'kind' | 'metadata'>;

const namespace = 'default';
const selector = { matchLabels: { app: 'x' } };

async function scene(server?: Awaited<ReturnType<typeof aServer>>) {
  const events = new FakeEvents();
  const s = withControllers(server ?? (await aServer()), [startDisruptionController], events.recorder);
  const { client } = s;
  const setStatus = async (name: string, ready: boolean, more: object[] = []) => {
    const pod = await client.get<Pod>(resources.pods, { namespace, name });
    const conditions = [{ type: 'Ready', status: ready ? 'True' : 'False' }, ...more];
    await client.updateStatus<Pod>(resources.pods, { ...pod, status: { phase: 'Running', conditions } as never });
  };
  const status = async (name = 'budget') =>
    (await client.get<PodDisruptionBudget>(resources.poddisruptionbudgets, { namespace, name })).status;
  return {
    ...s,
    events,
    setStatus,
    status,
    async budget(spec: Spec, name = 'budget') {
      await client.create(resources.poddisruptionbudgets, {
        metadata: { namespace, name },
        spec: { selector, ...spec },
      });
    },
    async workload(
      plural: 'statefulsets' | 'replicasets' | 'deployments',
      name: string,
      replicas: number,
      owner?: Owner,
    ) {
      const template = { metadata: { labels: { app: 'x' } }, spec: aPod('t').spec };
      const spec = { replicas, selector, template, serviceName: plural === 'statefulsets' ? 's' : undefined };
      const metadata = { namespace, name, ...ownedBy(owner) };
      return client.create<KubeObject>(resources[plural], { metadata, spec } as KubeObject);
    },
    async pod(
      name: string,
      { owner, labels = { app: 'x' }, ready = true }: { owner?: Owner; labels?: object; ready?: boolean } = {},
    ) {
      const metadata = { labels, ...ownedBy(owner) };
      await client.create<KubeObject>(resources.pods, aPod(name, { metadata, spec: { nodeName: 'n' } }));
      await setStatus(name, ready);
    },
    evict: (name: string) => client.createSub(resources.pods, { namespace, name }, 'eviction', { metadata: { name } }),
    /** As its node does. */
    end: (name: string) => client.delete(resources.pods, { namespace, name }, { gracePeriodSeconds: 0 }),
    untilStatus: (expected: object, name?: string) =>
      s
        .until(async () => matches(expected, { ...(await status(name)) }))
        .catch(async () => {
          expect(await status(name)).toMatchObject(expected);
        }),
  };
}

function ownedBy(owner: Owner | undefined): object {
  if (!owner) return {};
  const { apiVersion, kind, metadata } = owner;
  return { ownerReferences: [{ apiVersion, kind, name: metadata.name, uid: metadata.uid, controller: true }] };
}

function matches(expected: object, actual: Record<string, unknown>): boolean {
  return Object.entries(expected).every(([key, value]) => JSON.stringify(actual[key]) === JSON.stringify(value));
}

test('of a StatefulSet that may miss one pod, one is evicted, and the next when there is another in its place', async () => {
  await using s = await scene();
  const web = await s.workload('statefulsets', 'web', 3);
  for (const name of ['web-0', 'web-1', 'web-2']) await s.pod(name, { owner: web });
  await s.budget({ maxUnavailable: 1 });
  await s.untilStatus({
    currentHealthy: 3,
    desiredHealthy: 2,
    expectedPods: 3,
    disruptionsAllowed: 1,
    observedGeneration: 1,
  });
  expect((await s.status())?.conditions).toEqual([
    {
      type: 'DisruptionAllowed',
      status: 'True',
      reason: 'SufficientPods',
      message: '',
      observedGeneration: 1,
      lastTransitionTime: expect.any(String),
    },
  ]);
  await s.evict('web-0');
  await expect(s.evict('web-1')).rejects.toMatchObject({ status: { code: 429 } });
  await s.untilStatus({ currentHealthy: 2, disruptionsAllowed: 0, disruptedPods: undefined });
  await expect(s.evict('web-1')).rejects.toMatchObject({
    status: {
      details: { causes: [{ message: 'The disruption budget budget needs 2 healthy pods and has 2 currently' }] },
    },
  });
  expect((await s.status())?.conditions).toMatchObject([{ status: 'False', reason: 'InsufficientPods' }]);
  await s.end('web-0');
  await s.pod('web-0', { owner: web, ready: false });
  await s.setStatus('web-0', true);
  await s.untilStatus({ currentHealthy: 3, disruptionsAllowed: 1 });
  await s.evict('web-1');
});

const shares: [string, Spec, object][] = [
  ['minAvailable 2', { minAvailable: 2 }, { expectedPods: 4, desiredHealthy: 2, disruptionsAllowed: 1 }],
  ['minAvailable 0', { minAvailable: 0 }, { expectedPods: 4, desiredHealthy: 0, disruptionsAllowed: 3 }],
  ['minAvailable 30%', { minAvailable: '30%' }, { expectedPods: 7, desiredHealthy: 3, disruptionsAllowed: 0 }],
  ['minAvailable 0%', { minAvailable: '0%' }, { expectedPods: 7, desiredHealthy: 0, disruptionsAllowed: 3 }],
  ['maxUnavailable 5', { maxUnavailable: 5 }, { expectedPods: 7, desiredHealthy: 2, disruptionsAllowed: 1 }],
  ['maxUnavailable 80%', { maxUnavailable: '80%' }, { expectedPods: 7, desiredHealthy: 1, disruptionsAllowed: 2 }],
  ['maxUnavailable 9', { maxUnavailable: 9 }, { expectedPods: 7, desiredHealthy: 0, disruptionsAllowed: 3 }],
  ['neither', {}, { expectedPods: 0, desiredHealthy: 0, disruptionsAllowed: 0 }],
];

test.each(shares)('%s is reckoned of what the controllers of all its pods are to have', async (_, spec, expected) => {
  await using s = await scene();
  const deployment = await s.workload('deployments', 'd', 5);
  // A rollout: both are of one Deployment, whose number counts once.
  const before = await s.workload('replicasets', 'before', 1, deployment);
  const after = await s.workload('replicasets', 'after', 5, deployment);
  const alone = await s.workload('replicasets', 'alone', 2);
  await s.pod('a', { owner: before });
  await s.pod('b', { owner: after });
  await s.pod('c', { owner: alone });
  await s.pod('d', { owner: alone, ready: false });
  await s.pod('other', { labels: { app: 'y' } });
  await s.budget(spec);
  await s.untilStatus({ currentHealthy: 3, observedGeneration: 1, ...expected });
});

test('a custom resource with a scale is asked how many there are to be', async () => {
  const server = await aCustomServer();
  await using s = await scene(server);
  const scale = { specReplicasPath: '.spec.replicas', statusReplicasPath: '.status.availableReplicas' };
  const version = { subresources: { status: {}, scale } };
  await server.define(fooDefinition({ version }));
  const foos = resourceType('samplecontroller.k8s.io', 'v1alpha1', 'foos', 'Foo', true);
  const foo = await s.client.create<KubeObject>(foos, {
    metadata: { namespace, name: 'foo' },
    spec: { replicas: 4 },
  } as KubeObject);
  await s.pod('a', { owner: foo });
  await s.budget({ maxUnavailable: '75%' });
  await s.untilStatus({ currentHealthy: 1, desiredHealthy: 1, expectedPods: 4, disruptionsAllowed: 0 });
  // One of that name that was there before.
  await s.pod('b', { owner: { ...foo, metadata: { ...foo.metadata, uid: 'another' } } });
  await s.until(async () => (await s.status())?.conditions?.[0]?.reason === 'SyncFailed');
  expect((await s.status())?.conditions?.[0]?.message).toBe('found no controllers for pod "b"');
});

const failures: [string, Owner, string][] = [
  [
    'a Job',
    { apiVersion: 'batch/v1', kind: 'Job', metadata: { name: 'j', uid: 'u' } },
    'jobs.batch does not implement the scale subresource',
  ],
  [
    'a Node',
    { apiVersion: 'v1', kind: 'Node', metadata: { name: 'n', uid: 'u' } },
    'nodes does not implement the scale subresource',
  ],
  [
    'what nobody serves',
    { apiVersion: 'example.com/v1', kind: 'Web', metadata: { name: 'w', uid: 'u' } },
    'no matches for kind "Web" in version "example.com/v1"',
  ],
  [
    'a ReplicaSet that has gone',
    { apiVersion: 'apps/v1', kind: 'ReplicaSet', metadata: { name: 'r', uid: 'u' } },
    'found no controllers for pod "a"',
  ],
];

test.each(failures)('a budget for a pod of %s allows nothing, and says why', async (_, owner, why) => {
  await using s = await scene();
  await s.budget({ maxUnavailable: 1 });
  await s.pod('a', { owner });
  await s.until(async () => (await s.status())?.conditions?.[0]?.reason === 'SyncFailed');
  const condition = { type: 'DisruptionAllowed', status: 'False', reason: 'SyncFailed', message: why };
  expect(await s.status()).toMatchObject({ disruptionsAllowed: 0, conditions: [condition] });
  const said = `CalculateExpectedPodCountFailed: Failed to calculate the number of expected pods: ${why}`;
  expect(s.events.lines).toContain(said);
  // It is reckoned again once somebody mends it.
  await s.end('a');
  await s.pod('b', { owner: await s.workload('statefulsets', 'set', 1) });
  await s.untilStatus({ currentHealthy: 1, expectedPods: 1, disruptionsAllowed: 1 });
  expect((await s.status())?.conditions).toMatchObject([{ reason: 'SufficientPods', message: '' }]);
});

test('a budget says by events that it has no pods, or some that have no controller, and a pod that several are for it', async () => {
  await using s = await scene();
  const expressions = [{ key: 'app', operator: 'In', values: ['x', 'y'] }];
  await s.budget({ maxUnavailable: 1, selector: { ...selector, matchExpressions: expressions } });
  await s.untilStatus({ observedGeneration: 1, expectedPods: 0, disruptionsAllowed: 0 });
  expect(s.events.lines).toEqual(['NoPods: No matching pods found']);
  await s.pod('a');
  await s.untilStatus({ currentHealthy: 1, expectedPods: 0, disruptionsAllowed: 0 });
  expect(s.events.recorded.at(-1)).toEqual({
    component: 'controllermanager',
    about: 'PodDisruptionBudget/budget',
    type: 'Warning',
    reason: 'UnmanagedPods',
    message:
      'Pods selected by this PodDisruptionBudget (selector: &LabelSelector{MatchLabels:map[string]string{app: x,},MatchExpressions:[]LabelSelectorRequirement{LabelSelectorRequirement{Key:app,Operator:In,Values:[x y],},},}) were found to be unmanaged. As a result, the status of the PDB cannot be calculated correctly, which may result in undefined behavior. To account for these pods please set ".spec.minAvailable" field of the PDB to an integer value.',
  });
  await s.budget({ minAvailable: 1, selector: {} }, 'all');
  await s.untilStatus({ currentHealthy: 1, expectedPods: 1, disruptionsAllowed: 0 }, 'all');
  await s.setStatus('a', false);
  await s.untilStatus({ currentHealthy: 0 }, 'all');
  await s.untilStatus({ currentHealthy: 0 });
  expect(
    s.events.lines.some((line) => line.startsWith('MultiplePodDisruptionBudgets: Pod "default"/"a" matches')),
  ).toBe(true);
});

test('a pod that was evicted counts as gone for two minutes, and again when nobody deleted it until then', async () => {
  await using s = await scene();
  const set = await s.workload('statefulsets', 'web', 2);
  await s.pod('web-0', { owner: set });
  await s.pod('web-1', { owner: set });
  await s.budget({ maxUnavailable: 1 });
  await s.untilStatus({ currentHealthy: 2, disruptionsAllowed: 1 });
  const disruptedPods = { 'web-0': rfc3339(s.clock.now()), gone: rfc3339(s.clock.now()) };
  const ref = { namespace, name: 'budget' };
  const patch = { status: { disruptedPods } };
  await s.client.patch(resources.poddisruptionbudgets, ref, { type: 'merge', patch }, { subresource: 'status' });
  await s.untilStatus({ currentHealthy: 1, disruptionsAllowed: 0, disruptedPods: { 'web-0': disruptedPods['web-0'] } });
  await s.clock.advance(110_000);
  expect(await s.status()).toMatchObject({ currentHealthy: 1 });
  await s.clock.advance(10_000);
  await s.untilStatus({ currentHealthy: 2, disruptionsAllowed: 1, disruptedPods: undefined });
  expect(s.events.lines.at(-1)).toBe("NotDeleted: Pod was expected by PDB default/budget to be deleted but it wasn't");
});

test('what a pod says of being made to go is taken back after two minutes, where its node does not end it', async () => {
  await using s = await scene();
  const target = (reason: string) => ({
    type: 'DisruptionTarget',
    status: 'True',
    reason,
    message: 'm',
    lastTransitionTime: rfc3339(s.clock.now()),
  });
  for (const name of ['preempted', 'by-node']) await s.pod(name);
  await s.setStatus('preempted', true, [target('PreemptionByScheduler')]);
  await s.setStatus('by-node', true, [target('TerminationByKubelet')]);
  const conditionOf = async (name: string) => {
    const { status } = await s.client.get<Pod>(resources.pods, { namespace, name });
    return status?.conditions?.find(({ type }) => type === 'DisruptionTarget');
  };
  await s.clock.advance(110_000);
  expect(await conditionOf('preempted')).toMatchObject({ status: 'True' });
  await s.clock.advance(10_000);
  await s.until(async () => (await conditionOf('preempted'))?.status === 'False');
  expect(await conditionOf('preempted')).toEqual({
    type: 'DisruptionTarget',
    status: 'False',
    lastProbeTime: null,
    lastTransitionTime: rfc3339(s.clock.now()),
    observedGeneration: 1,
  });
  await s.clock.advance(600_000);
  expect(await conditionOf('by-node')).toMatchObject({ status: 'True', reason: 'TerminationByKubelet' });
});

test.each([1, 2, 3])('budgets tell of the pods they are for, whatever comes and goes (seed %i)', async (seed) => {
  await using s = await scene();
  const rng = seededRng(seed);
  const pick = <T>(of: readonly T[]): T => of[Math.floor(rng.next() * of.length)] as T;
  const apps = ['x', 'y', 'z'];
  const [names, budgets] = [
    ['a', 'b', 'c', 'd', 'e'],
    ['one', 'two'],
  ];
  const refOf = (name: string) => ({ namespace, name });
  const labelled = (app: string) => ({ type: 'merge', patch: { metadata: { labels: { app } } } }) as const;
  const steps = [
    (name: string) => s.pod(name, { labels: { app: pick(apps) }, ready: pick([true, false]) }),
    (name: string) => s.setStatus(name, pick([true, false])),
    (name: string) => s.client.patch(resources.pods, refOf(name), labelled(pick(apps))),
    (name: string) => s.end(name),
    () => s.budget({ minAvailable: 1, selector: { matchLabels: { app: pick(apps) } } }, pick(budgets)),
    () => {
      const patch = { spec: { selector: { matchLabels: { app: pick(apps) } } } };
      return s.client.patch(resources.poddisruptionbudgets, refOf(pick(budgets)), { type: 'merge', patch });
    },
    () => s.client.delete(resources.poddisruptionbudgets, refOf(pick(budgets))),
  ];
  const isReady = ({ status }: Pod) =>
    status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True');
  const expectCounted = async () => {
    const { items: pods } = await s.client.list<Pod>(resources.pods, { namespace });
    const { items } = await s.client.list<PodDisruptionBudget>(resources.poddisruptionbudgets, { namespace });
    for (const { metadata, spec } of items) {
      const own = pods.filter((pod) => pod.metadata.labels?.['app'] === spec?.selector?.matchLabels?.['app']);
      const currentHealthy = own.filter(isReady).length;
      const disruptionsAllowed = Math.max(0, currentHealthy - 1);
      const { generation: observedGeneration, name } = metadata;
      await s.untilStatus({ expectedPods: own.length, currentHealthy, disruptionsAllowed, observedGeneration }, name);
    }
    return items.length;
  };
  let counted = 0;
  for (let i = 0; i < 150; i++) {
    // What is there already, or not there, is refused.
    await pick(steps)(pick(names)).catch(() => undefined);
    if (i % 3 === 0) counted += await expectCounted();
  }
  expect(counted).toBeGreaterThan(20);
});
