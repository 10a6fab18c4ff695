import { settle } from '@berth/kit';
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

const pod = (client: KubeClient, name: string) => client.get(resources.pods, { namespace: 'default', name });

test('a pod goes to the emptier node, and the next to the other', async () => {
  await using s = await scene();
  await s.client.create(resources.nodes, aNode('a'));
  await s.client.create(resources.nodes, aNode('b'));
  await s.client.create(resources.pods, aPod('p1', requests('1')));
  await s.quiet();
  await s.client.create(resources.pods, aPod('p2', requests('1')));
  await s.quiet();
  const nodes = [(await pod(s.client, 'p1')).spec?.nodeName, (await pod(s.client, 'p2')).spec?.nodeName];
  expect(nodes.sort()).toEqual(['a', 'b']);
});

test('two pods that arrive together do not share room for one', async () => {
  await using s = await scene();
  await s.client.create(resources.nodes, aNode('a'));
  await Promise.all(['p1', 'p2'].map((name) => s.client.create(resources.pods, aPod(name, requests('1500m')))));
  await s.quiet();
  const placed = (await s.client.list(resources.pods)).items.filter(({ spec }) => spec?.nodeName);
  expect(placed).toHaveLength(1);
  expect(s.events.lines).toContain(
    'FailedScheduling: 0/1 nodes are available: 1 Insufficient cpu. preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod.',
  );
});

test('a ReadWriteOncePod claim is for one pod at a time, also of two that arrive together, and free when that one has ended', async () => {
  await using s = await scene();
  await s.client.create(resources.nodes, aNode('a'));
  const accessModes = ['ReadWriteOncePod'];
  await s.client.create(resources.persistentvolumes, { metadata: { name: 'pv-c' }, spec: { accessModes } });
  const spec = { accessModes, volumeName: 'pv-c', storageClassName: '' };
  await s.client.create(resources.persistentvolumeclaims, { metadata: { name: 'c', namespace: 'default' }, spec });
  await setStatus(s.client, resources.persistentvolumeclaims, 'c', { phase: 'Bound' });
  const volumes = [{ name: 'v', persistentVolumeClaim: { claimName: 'c' } }];
  await Promise.all(['p1', 'p2'].map((name) => s.client.create(resources.pods, aPod(name, { volumes }))));
  await s.quiet();
  const placed = async () =>
    (await s.client.list(resources.pods)).items.flatMap(({ spec, metadata }) => (spec?.nodeName ? metadata.name : []));
  const [first = '', ...others] = await placed();
  expect([first, others]).toEqual([expect.stringMatching(/^p[12]$/), []]);
  await setStatus(s.client, resources.pods, first, { phase: 'Succeeded' });
  await s.quiet();
  await s.clock.advance(10_000);
  await s.quiet();
  expect((await placed()).toSorted()).toEqual(['p1', 'p2']);
});

test.each([
  ['', 0],
  [', however far the clock was set back meanwhile', -3600_000],
])('a waiting pod is placed when room appears%s', async (_when, setOnMs) => {
  await using s = await scene();
  await s.client.create(resources.nodes, aNode('a'));
  await s.client.create(resources.pods, aPod('p1', requests('2')));
  await s.quiet();
  await s.client.create(resources.pods, aPod('p2', requests('2')));
  await s.quiet();
  s.clock.setOn(setOnMs);
  await s.client.delete(resources.pods, { namespace: 'default', name: 'p1' }, { gracePeriodSeconds: 0 });
  await s.clock.advance(2000);
  await s.quiet();
  expect((await pod(s.client, 'p2')).spec?.nodeName).toBe('a');
});

test('of many decisions one turn of the event loop makes some', async () => {
  await using s = await scene();
  // A clock that goes a millisecond with each look at it.
  let ms = 0;
  s.clock.monotonicMs = () => ++ms;
  await s.client.create(resources.nodes, aNode('a', { status: { allocatable: { pods: '100' } } }));
  const names = Array.from({ length: 60 }, (_, i) => `p${i}`);
  await Promise.all(names.map((name) => s.client.create(resources.pods, aPod(name))));
  const decided = () => s.events.lines.filter((line) => line.startsWith('Scheduled')).length;
  while (decided() === 0) await settle();
  expect(decided()).toBeLessThan(60);
  await s.quiet();
  expect(decided()).toBe(60);
});

test('taints, selectors and cordons keep pods away', async () => {
  await using s = await scene();
  await s.client.create(resources.nodes, aNode('tainted', { spec: { taints: [{ key: 'k', effect: 'NoSchedule' }] } }));
  await s.client.create(resources.nodes, aNode('cordoned', { spec: { unschedulable: true } }));
  await s.client.create(resources.pods, aPod('p1', { nodeSelector: { disk: 'fast' } }));
  await s.quiet();
  expect(s.events.lines[0]).toBe(
    'FailedScheduling: 0/2 nodes are available: 1 node(s) had untolerated taint(s), 1 node(s) were unschedulable. preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling.',
  );
  await s.client.create(resources.nodes, aNode('good', { metadata: { name: 'good', labels: { disk: 'fast' } } }));
  await s.clock.advance(2000);
  await s.quiet();
  expect((await pod(s.client, 'p1')).spec?.nodeName).toBe('good');
});

test('a pod that names its node is tried on that one alone', async () => {
  await using s = await scene();
  for (const name of ['a', 'b']) await s.client.create(resources.nodes, aNode(name, { spec: { unschedulable: true } }));
  const matchFields = [{ key: 'metadata.name', operator: 'In', values: ['a'] }];
  const required = { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchFields }] } };
  await s.client.create(resources.pods, aPod('p', { affinity: { nodeAffinity: required } }));
  await s.quiet();
  expect(s.events.lines.at(-1)).toBe(
    "FailedScheduling: 0/2 nodes are available: 1 node(s) didn't satisfy plugin(s) [NodeAffinity], 1 node(s) were unschedulable. preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling.",
  );
});

test('a pod that shrinks makes room when it has', async () => {
  await using s = await scene();
  await s.client.create(resources.nodes, aNode('a'));
  await s.client.create(resources.pods, aPod('large', requests('2')));
  await s.quiet();
  await s.client.create(resources.pods, aPod('p', requests('1')));
  const ref = { namespace: 'default', name: 'large' };
  const has = (cpu: string) => {
    const containerStatuses = [{ name: 'c', resources: { requests: { cpu } }, allocatedResources: { cpu } }];
    const patch = { type: 'merge', patch: { status: { containerStatuses } } } as const;
    return s.client.patch(resources.pods, ref, patch, { subresource: 'status' });
  };
  await has('2');
  await s.client.patch(resources.pods, ref, { type: 'merge', patch: { spec: requests('1') } });
  await s.clock.advance(20_000);
  await s.quiet();
  expect((await pod(s.client, 'p')).spec?.nodeName).toBeUndefined();
  await has('1');
  await s.clock.advance(20_000);
  await s.quiet();
  expect((await pod(s.client, 'p')).spec?.nodeName).toBe('a');
});

test('a claim that waits for its consumer gets the node first, and the pod follows when it is bound', async () => {
  await using s = await scene();
  await s.client.create(resources.nodes, aNode('a'));
  await s.client.create(resources.storageclasses, {
    metadata: { name: 'late' },
    provisioner: 'd',
    volumeBindingMode: 'WaitForFirstConsumer',
  });
  const claim = await s.client.create(resources.persistentvolumeclaims, {
    metadata: { name: 'c', namespace: 'default' },
    spec: { storageClassName: 'late', accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
  });
  await s.client.create(
    resources.pods,
    aPod('p', { volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'c' } }] }),
  );
  await s.quiet();
  const chosen = await s.client.get(resources.persistentvolumeclaims, { namespace: 'default', name: 'c' });
  expect(chosen.metadata.annotations?.['volume.kubernetes.io/selected-node']).toBe('a');
  expect((await pod(s.client, 'p')).spec?.nodeName).toBeUndefined();
  expect((await pod(s.client, 'p')).status?.nominatedNodeName).toBe('a');
  const bound = await s.client.update(resources.persistentvolumeclaims, {
    ...chosen,
    spec: { ...claim.spec, volumeName: 'pv' },
  });
  await s.quiet();
  expect((await pod(s.client, 'p')).spec?.nodeName).toBeUndefined();
  await s.client.updateStatus(resources.persistentvolumeclaims, { ...bound, status: { phase: 'Bound' } });
  await s.quiet();
  expect((await pod(s.client, 'p')).spec?.nodeName).toBe('a');
});

test('a claim that its provisioner gives back is tried again after a back-off that grows', async () => {
  await using s = await scene();
  await s.client.create(resources.nodes, aNode('a'));
  const volumes = await volumesOfWaitingClaim(s.client);
  await s.client.create(resources.pods, aPod('p', { volumes }));
  const ref = { namespace: 'default', name: 'c' };
  const selected = async () => {
    await s.quiet();
    const { metadata } = await s.client.get(resources.persistentvolumeclaims, ref);
    return metadata.annotations?.['volume.kubernetes.io/selected-node'];
  };
  for (const backoffMs of [1000, 2000, 4000]) {
    expect(await selected()).toBe('a');
    const patch = { metadata: { annotations: { 'volume.kubernetes.io/selected-node': null } } };
    await s.client.patch(resources.persistentvolumeclaims, ref, { type: 'merge', patch });
    expect(await selected()).toBeUndefined();
    await s.clock.advance(backoffMs - 100);
    expect(await selected()).toBeUndefined();
    await s.clock.advance(100);
  }
  expect(s.events.lines).toContain('FailedScheduling: provisioning of default/c was given back by node a');
});

test('a claim that is bound in all but its status is waited for, without a word to the user', async () => {
  await using s = await scene();
  await s.client.create(resources.nodes, aNode('a'));
  await s.client.create(resources.persistentvolumes, {
    metadata: { name: 'pv' },
    spec: { accessModes: ['ReadWriteOnce'], capacity: { storage: '1Gi' }, hostPath: { path: '/x' } },
  });
  const claim = await s.client.create(resources.persistentvolumeclaims, {
    metadata: { name: 'c', namespace: 'default', annotations: { 'pv.kubernetes.io/bind-completed': 'yes' } },
    spec: { accessModes: ['ReadWriteOnce'], volumeName: 'pv' },
  });
  await s.client.create(
    resources.pods,
    aPod('p', { volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'c' } }] }),
  );
  await s.quiet();
  expect([(await pod(s.client, 'p')).spec?.nodeName, s.events.lines]).toEqual([undefined, []]);
  await s.client.updateStatus(resources.persistentvolumeclaims, { ...claim, status: { phase: 'Bound' } });
  await s.quiet();
  expect((await pod(s.client, 'p')).spec?.nodeName).toBe('a');
});

test('an unbound claim of an Immediate class keeps its pod waiting, with upstream words', async () => {
  await using s = await scene();
  await s.client.create(resources.nodes, aNode('a'));
  await s.client.create(
    resources.pods,
    aPod('p', { volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'c' } }] }),
  );
  await s.quiet();
  await s.client.create(resources.persistentvolumeclaims, {
    metadata: { name: 'c', namespace: 'default' },
    spec: { accessModes: ['ReadWriteOnce'] },
  });
  await s.quiet();
  expect(s.events.lines).toEqual([
    'FailedScheduling: 0/1 nodes are available: persistentvolumeclaim "c" not found. not found',
    'FailedScheduling: 0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims. not found',
  ]);
});

const labelled = (name: string, app: string, spec: object = {}): Pod => {
  const made = aPod(name, spec);
  return { ...made, metadata: { ...made.metadata, labels: { app } } };
};
const term = (app: string) => ({
  labelSelector: { matchLabels: { app } },
  topologyKey: 'kubernetes.io/hostname',
});
const apart = (app: string) => ({
  affinity: { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term(app)] } },
});
const together = (app: string) => ({
  affinity: { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term(app)] } },
});
const nodeOf = async (client: KubeClient, name: string) => (await pod(client, name)).spec?.nodeName;

test('required anti-affinity keeps pods of a kind apart, and others away from those who ask for it', async () => {
  await using s = await scene();
  for (const name of ['a', 'b']) await s.client.create(resources.nodes, aNode(name));
  for (const name of ['p1', 'p2', 'p3']) await s.client.create(resources.pods, labelled(name, 'x', apart('x')));
  await s.quiet();
  const nodes = await Promise.all(['p1', 'p2', 'p3'].map((name) => nodeOf(s.client, name)));
  expect(nodes.toSorted()).toEqual(['a', 'b', undefined]);
  expect(s.events.lines).toContain(
    "FailedScheduling: 0/2 nodes are available: 2 node(s) didn't match pod anti-affinity rules. preemption: 0/2 nodes are available: 2 No preemption victims found for incoming pod.",
  );
  await s.client.create(resources.pods, labelled('plain', 'x'));
  await s.quiet();
  expect(await nodeOf(s.client, 'plain')).toBeUndefined();
  expect(s.events.lines.some((line) => line.includes("2 node(s) didn't satisfy existing pods anti-affinity"))).toBe(
    true,
  );
});

test('required affinity waits for the pod it wants to be with, and goes where it is', async () => {
  await using s = await scene();
  for (const name of ['a', 'b']) await s.client.create(resources.nodes, aNode(name));
  await s.client.create(resources.pods, labelled('guest', 'guest', together('host')));
  await s.quiet();
  expect(s.events.lines.some((line) => line.includes("2 node(s) didn't match pod affinity rules"))).toBe(true);
  await s.client.create(resources.pods, labelled('host', 'host', { nodeSelector: { 'kubernetes.io/hostname': 'b' } }));
  await s.quiet();
  expect([await nodeOf(s.client, 'host'), await nodeOf(s.client, 'guest')]).toEqual(['b', 'b']);
  await s.client.create(resources.pods, labelled('first', 'family', together('family')));
  await s.quiet();
  expect(await nodeOf(s.client, 'first')).toBeDefined();
});

test('hard spread constraints hold the skew, and a Service spreads its pods without any', async () => {
  await using s = await scene();
  await s.client.create(resources.nodes, aNode('a'));
  // The emptier one draws all pods, were there no spreading.
  const roomy = { cpu: '64', memory: '256Gi', pods: '110' };
  await s.client.create(resources.nodes, aNode('b', { status: { allocatable: roomy } }));
  const spec = { selector: { app: 'served' }, ports: [{ port: 80 }] };
  await s.client.create(resources.services, { metadata: { name: 'served', namespace: 'default' }, spec });
  const constraint = {
    maxSkew: 1,
    topologyKey: 'kubernetes.io/hostname',
    whenUnsatisfiable: 'DoNotSchedule',
    labelSelector: { matchLabels: { app: 'hard' } },
  };
  for (const i of [1, 2, 3, 4]) {
    await s.client.create(resources.pods, labelled(`served-${i}`, 'served'));
    await s.client.create(resources.pods, labelled(`hard-${i}`, 'hard', { topologySpreadConstraints: [constraint] }));
    await s.quiet();
  }
  for (const kind of ['served', 'hard']) {
    const nodes = await Promise.all([1, 2, 3, 4].map((i) => nodeOf(s.client, `${kind}-${i}`)));
    expect(nodes.toSorted()).toEqual(['a', 'a', 'b', 'b']);
  }
});

test('what every object inherits is no label of a node', async () => {
  await using s = await scene();
  await s.client.create(resources.nodes, aNode('a'));
  const topologyKey = 'constructor';
  const requiredDuringSchedulingIgnoredDuringExecution = [{ ...term('x'), topologyKey }];
  const exists = { nodeSelectorTerms: [{ matchExpressions: [{ key: topologyKey, operator: 'Exists' }] }] };
  const specs = {
    affinity: { affinity: { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution } } },
    selector: { affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: exists } } },
    spread: {
      topologySpreadConstraints: [
        { maxSkew: 1, topologyKey, whenUnsatisfiable: 'DoNotSchedule', labelSelector: { matchLabels: { app: 'x' } } },
      ],
    },
    apart: { affinity: { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution } } },
  };
  for (const [name, spec] of Object.entries(specs)) await s.client.create(resources.pods, labelled(name, 'x', spec));
  await s.client.create(resources.pods, labelled('apart-too', 'x', specs.apart));
  await s.quiet();
  const placed = await Promise.all([...Object.keys(specs), 'apart-too'].map((name) => nodeOf(s.client, name)));
  expect(placed).toEqual([undefined, undefined, undefined, 'a', 'a']);
});
