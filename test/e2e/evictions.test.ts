import { afterAll, expect, test } from 'vitest';
import { Berth } from '../harness/berth.ts';
import { pod, tools } from '../harness/pod-manifests.ts';

/** Of two nodes, one with a resource that somebody advertised for it: pods go from it for others, or for what they do. */
const berth = await Berth.start({ nodes: 2 });
afterAll(() => berth[Symbol.asyncDispose]());

interface Pod {
  readonly metadata: { readonly uid: string; readonly creationTimestamp: string };
  readonly spec: { readonly nodeName?: string };
  readonly status: {
    readonly phase: string;
    readonly reason?: string;
    readonly message?: string;
    readonly conditions?: readonly { readonly type: string; readonly lastTransitionTime: string }[];
  };
}

const waitFor = (name: string, condition: string) =>
  berth.kubectl(['wait', `pod/${name}`, `--for=${condition}`, '--timeout=120s']);
const notesOf = async (name: string, reason: string) => {
  const where = `--field-selector=involvedObject.name=${name},reason=${reason}`;
  return berth.kubectl(['get', 'events', where, '-o', 'jsonpath={.items[*].message}']);
};

test('a pod of more importance takes the place of another, which says so until it has gone', async () => {
  const capacity = { capacity: { 'example.com/dongle': '1' } };
  const patch = ['--subresource=status', '--type=merge', '-p', JSON.stringify({ status: capacity })];
  await berth.kubectl(['patch', 'node', 'node-2', ...patch]);
  await berth.kubectl(['create', 'priorityclass', 'important', '--value=1000']);
  const dongle = 'resources: { limits: { example.com/dongle: 1 } }';
  // It stays until somebody takes the finalizer off.
  const least = pod('least', dongle).replace('{ name: least }', '{ name: least, finalizers: [example.com/look] }');
  await berth.apply(least);
  await waitFor('least', 'condition=Ready');
  await berth.apply(pod('most', dongle, '  priorityClassName: important'));
  // Not by its name: what is said of a generation before its deletion kubectl does not wait for.
  const why = '{.status.conditions[?(@.type=="DisruptionTarget")].reason}';
  await waitFor('least', `jsonpath=${why}=PreemptionByScheduler`);
  await waitFor('most', 'condition=Ready');
  const most = await berth.get<Pod>('pod', 'most');
  expect(most.spec.nodeName).toBe('node-2');
  expect(await notesOf('least', 'Preempted')).toBe(`Preempted by pod ${most.metadata.uid} on node node-2`);
  await berth.kubectl(['patch', 'pod', 'least', '--type=merge', '-p', '{"metadata":{"finalizers":null}}']);
  await waitFor('least', 'delete');
});

const files = "command: [sh, -c, 'dd if=/dev/zero of=/v/large bs=1M count=6; sleep 1000']";
const volume = 'volumeMounts: [{ name: v, mountPath: /v }]';

test.each([
  [
    'its volume',
    pod('volume', volume, '  volumes: [{ name: v, emptyDir: { sizeLimit: 4Mi } }]'),
    'Usage of EmptyDir volume "v" exceeds the limit "4Mi". ',
  ],
  [
    'all its containers',
    pod(
      'whole',
      `${volume}, resources: { limits: { ephemeral-storage: 4Mi } }`,
      '  volumes: [{ name: v, emptyDir: {} }]',
    ),
    'Pod ephemeral local storage usage exceeds the total limit of containers 4Mi. ',
  ],
])('a pod that writes more than the limit of %s fails as Evicted', async (_, manifest, message) => {
  const [, name = ''] = /name: (\w+) }/.exec(manifest) ?? [];
  await berth.apply(manifest.replace(/command: \[[^\]]*\]/, files));
  await waitFor(name, 'jsonpath={.status.phase}=Failed');
  const { status } = await berth.get<Pod>('pod', name);
  expect([status.reason, status.message]).toEqual(['Evicted', message]);
  expect(await notesOf(name, 'Evicted')).toBe(message);
});

test('a drain takes the pods that a budget is for from a node one after the other, each when there is another elsewhere', async () => {
  await berth.kubectl(['cordon', 'node-2']);
  await berth.apply(`
apiVersion: apps/v1
kind: StatefulSet
metadata: { name: web }
spec:
  selector: { matchLabels: { app: web } }
  serviceName: web
  podManagementPolicy: Parallel
  replicas: 3
  template:
    metadata: { labels: { app: web } }
    spec:
      terminationGracePeriodSeconds: 0
      containers:
      - name: c
        image: "${tools}"
        command: [sleep, '1000']
        # Later than the others would be made, if all went at once.
        readinessProbe: { exec: { command: ['true'] }, initialDelaySeconds: 3, periodSeconds: 1 }
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: { name: web }
spec: { maxUnavailable: 1, selector: { matchLabels: { app: web } } }
`);
  await berth.kubectl(['rollout', 'status', 'statefulset/web', '--timeout=120s']);
  const allowed = (count: number) => `--for=jsonpath={.status.disruptionsAllowed}=${count}`;
  await berth.kubectl(['wait', 'pdb/web', allowed(1), '--timeout=120s']);
  await berth.kubectl(['uncordon', 'node-2']);
  await berth.kubectl(['drain', 'node-1', '--pod-selector=app=web', '--timeout=120s']);
  await berth.kubectl(['rollout', 'status', 'statefulset/web', '--timeout=120s']);
  const { items } = await berth.get<{ items: Pod[] }>('pods', '-l', 'app=web');
  expect(items.map(({ spec }) => spec.nodeName)).toEqual(['node-2', 'node-2', 'node-2']);
  const times = items.map(({ metadata, status }) => ({
    made: metadata.creationTimestamp,
    ready: status.conditions?.find(({ type }) => type === 'Ready')?.lastTransitionTime ?? '',
  }));
  const inOrder = times.toSorted((a, b) => (a.made < b.made ? -1 : 1));
  const waited = inOrder.slice(1).map(({ made }, before) => made >= (inOrder[before]?.ready ?? made));
  expect(waited, JSON.stringify(inOrder)).toEqual([true, true]);
  await berth.kubectl(['wait', 'pdb/web', allowed(1), '--timeout=120s']);
  await berth.kubectl(['delete', 'statefulset/web', 'pdb/web']);
  await berth.kubectl(['uncordon', 'node-1']);
});

test('a NoExecute taint takes the pods of a node that do not tolerate it, at once or after a while', async () => {
  const on = (rest = '') => `  nodeSelector: { kubernetes.io/hostname: node-1 }\n${rest}`;
  const tolerating = (more: string) => on(`  tolerations: [{ key: e2e, operator: Exists, effect: NoExecute${more} }]`);
  await berth.apply(
    [
      pod('leaves', '', on()),
      pod('lingers', '', tolerating(', tolerationSeconds: 5')),
      pod('stays', '', tolerating('')),
    ].join('---'),
  );
  for (const name of ['leaves', 'lingers', 'stays']) await waitFor(name, 'condition=Ready');
  await berth.kubectl(['taint', 'node', 'node-1', 'e2e=1:NoExecute']);
  await waitFor('leaves', 'delete');
  await waitFor('lingers', 'delete');
  expect((await berth.get<Pod>('pod', 'stays')).status.phase).toBe('Running');
  expect(await notesOf('lingers', 'TaintManagerEviction')).toBe('Marking for deletion Pod default/lingers');
});
