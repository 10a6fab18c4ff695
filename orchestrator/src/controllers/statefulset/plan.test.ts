import type { Pod, StatefulSet } from '@berth/kube';
import { expect, test } from 'vitest';
import { newPod } from './identity.ts';
import { planSteps, type Step } from './plan.ts';

const now = Date.UTC(2030, 0, 1);

type PodState = 'ready' | 'fresh' | 'pending' | 'terminating' | 'failed';

function aSet(spec: Partial<NonNullable<StatefulSet['spec']>> = {}): StatefulSet {
  const template = { metadata: { labels: { app: 'x' } }, spec: { containers: [{ name: 'c', image: 'i' }] } };
  return {
    metadata: { name: 'web', namespace: 'default', uid: 'set', generation: 1 },
    spec: { selector: { matchLabels: { app: 'x' } }, serviceName: 's', replicas: 3, template, ...spec } as NonNullable<
      StatefulSet['spec']
    >,
  };
}

function aPod(set: StatefulSet, ordinal: number, state: PodState, revision = 'new'): Pod {
  const pod = newPod(set, ordinal, revision);
  const since = new Date(now - (state === 'fresh' ? 1000 : 60_000)).toISOString();
  const ready = {
    type: 'Ready',
    status: state === 'ready' || state === 'fresh' || state === 'terminating' ? 'True' : 'False',
    lastTransitionTime: since,
  };
  const phase = state === 'failed' ? 'Failed' : state === 'pending' ? 'Pending' : 'Running';
  const deletion = state === 'terminating' ? { deletionTimestamp: since } : {};
  return {
    ...pod,
    metadata: { ...pod.metadata, uid: `${ordinal}`, ...deletion },
    spec: { ...pod.spec!, nodeName: 'n' },
    status: { phase, conditions: [ready] },
  };
}

function show(step: Step): string {
  if (step.do === 'delete') return `delete ${step.pod.metadata.name}`;
  return `${step.do} ${step.ordinal}${'revision' in step ? ` ${step.revision}` : ''}`;
}

interface Case {
  readonly name: string;
  readonly spec?: Partial<NonNullable<StatefulSet['spec']>>;
  readonly pods: readonly [ordinal: number, state: PodState, revision?: string][];
  readonly steps: readonly string[];
}

const partition = (n: number) => ({ updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: n } } });

const cases: readonly Case[] = [
  { name: 'an empty set starts with the first pod alone', pods: [], steps: ['create 0 new'] },
  { name: 'the second waits for the first', pods: [[0, 'pending']], steps: [] },
  { name: 'the second follows a ready first', pods: [[0, 'ready']], steps: ['create 1 new'] },
  { name: 'minReadySeconds holds the second back', spec: { minReadySeconds: 10 }, pods: [[0, 'fresh']], steps: [] },
  {
    name: 'a gap is filled before what comes after it',
    pods: [
      [0, 'ready'],
      [2, 'ready'],
    ],
    steps: ['create 1 new'],
  },
  {
    name: 'Parallel makes all at once',
    spec: { podManagementPolicy: 'Parallel' },
    pods: [],
    steps: ['create 0 new', 'create 1 new', 'create 2 new'],
  },
  { name: 'a failed pod is replaced', pods: [[0, 'failed']], steps: ['replace 0 new'] },
  { name: 'a terminating pod is waited for', pods: [[0, 'terminating']], steps: [] },
  {
    name: 'scaling down takes the highest first, one at a time',
    spec: { replicas: 1 },
    pods: [
      [0, 'ready'],
      [1, 'ready'],
      [2, 'ready'],
    ],
    steps: ['delete web-2'],
  },
  {
    name: 'scaling down waits for the one that goes',
    spec: { replicas: 1 },
    pods: [
      [0, 'ready'],
      [1, 'ready'],
      [2, 'terminating'],
    ],
    steps: [],
  },
  {
    name: 'scaling down waits for unhealthy replicas',
    spec: { replicas: 1 },
    pods: [
      [0, 'pending'],
      [1, 'ready'],
    ],
    steps: [],
  },
  {
    name: 'Parallel scales down all at once',
    spec: { replicas: 1, podManagementPolicy: 'Parallel' },
    pods: [
      [0, 'ready'],
      [1, 'ready'],
      [2, 'ready'],
    ],
    steps: ['delete web-2', 'delete web-1'],
  },
  {
    name: 'an update replaces the highest pod first',
    pods: [
      [0, 'ready', 'old'],
      [1, 'ready', 'old'],
      [2, 'ready', 'old'],
    ],
    steps: ['delete web-2'],
  },
  {
    name: 'an update goes on when the replaced one is ready',
    pods: [
      [0, 'ready', 'old'],
      [1, 'ready', 'old'],
      [2, 'ready'],
    ],
    steps: ['delete web-1'],
  },
  {
    name: 'an update stops at the partition',
    spec: partition(2),
    pods: [
      [0, 'ready', 'old'],
      [1, 'ready', 'old'],
      [2, 'ready'],
    ],
    steps: [],
  },
  {
    name: 'below the partition a lost pod comes back as it was',
    spec: partition(2),
    pods: [
      [1, 'ready', 'old'],
      [2, 'ready'],
    ],
    steps: ['create 0 old'],
  },
  {
    name: 'OnDelete leaves old pods',
    spec: { updateStrategy: { type: 'OnDelete' } },
    pods: [
      [0, 'ready', 'old'],
      [1, 'ready', 'old'],
      [2, 'ready', 'old'],
    ],
    steps: [],
  },
  { name: 'ordinals may start later', spec: { ordinals: { start: 5 } }, pods: [[0, 'ready']], steps: ['create 5 new'] },
  {
    name: 'OrderedReady waits for a broken pod, whatever the update would make of it',
    pods: [
      [0, 'ready', 'old'],
      [1, 'ready', 'old'],
      [2, 'pending', 'older'],
    ],
    steps: [],
  },
  {
    name: 'Parallel updates those above a broken pod',
    spec: { podManagementPolicy: 'Parallel' },
    pods: [
      [0, 'pending', 'old'],
      [1, 'ready', 'old'],
      [2, 'ready', 'old'],
    ],
    steps: ['delete web-2'],
  },
  {
    name: 'Parallel replaces a broken pod in its turn',
    spec: { podManagementPolicy: 'Parallel' },
    pods: [
      [0, 'pending', 'old'],
      [1, 'ready'],
      [2, 'ready'],
    ],
    steps: ['delete web-0'],
  },
  {
    name: 'Parallel waits for what it replaced before it replaces another',
    spec: { podManagementPolicy: 'Parallel' },
    pods: [
      [0, 'ready', 'old'],
      [1, 'ready', 'old'],
      [2, 'pending'],
    ],
    steps: [],
  },
];

for (const { name, spec, pods, steps } of cases) {
  test(`planSteps: ${name}`, () => {
    const set = aSet(spec);
    const input = {
      set,
      pods: pods.map(([ordinal, state, revision]) => aPod(set, ordinal, state, revision)),
      currentRevision: 'old',
      updateRevision: 'new',
      now,
      maxCreates: 500,
    };
    const fresh =
      input.pods.every((pod) => pod.metadata.labels?.['controller-revision-hash'] === 'new') && !spec?.updateStrategy;
    expect(planSteps(fresh ? { ...input, currentRevision: 'new' } : input).map(show)).toEqual(steps);
  });
}

for (const podManagementPolicy of ['OrderedReady', 'Parallel'] as const) {
  test(`planSteps: a billion replicas, ${podManagementPolicy}, are begun at once and in parts`, () => {
    const set = aSet({ replicas: 1_000_000_000, podManagementPolicy });
    const pods = [0, 1, 700].map((ordinal) => aPod(set, ordinal, ordinal === 700 ? 'failed' : 'ready'));
    const steps = planSteps({ set, pods, currentRevision: 'new', updateRevision: 'new', now, maxCreates: 500 }).map(
      show,
    );
    expect(steps[0]).toBe('create 2 new');
    expect(steps.length).toBe(podManagementPolicy === 'OrderedReady' ? 1 : 501);
    if (podManagementPolicy === 'Parallel') expect(steps.at(-1)).toBe('replace 700 new');
  });
}
