import { type ApiError, type Pod, resources, type StatefulSet } from '@berth/kube';
import { expect, test } from 'vitest';
import { aPod, aServer } from '../server.test-harness.ts';

const ref = (name: string) => ({ namespace: 'default', name });

test('a binding gives a pod to a node once', async () => {
  await using server = await aServer();
  const { client } = server;
  await client.create(resources.pods, aPod('p'));
  const bind = (node: string) =>
    client.createSub(resources.pods, ref('p'), 'binding', {
      metadata: { name: 'p', annotations: { a: 'b' }, labels: { zone: 'z' } },
      target: { kind: 'Node', name: node },
    });
  expect(await bind('n1')).toMatchObject({ status: 'Success' });
  const pod = (await client.get(resources.pods, ref('p'))) as Pod;
  expect(pod.spec?.nodeName).toBe('n1');
  expect(pod.metadata).toMatchObject({ annotations: { a: 'b' }, labels: { zone: 'z' } });
  expect(pod.status?.conditions).toContainEqual(expect.objectContaining({ type: 'PodScheduled', status: 'True' }));
  await expect(bind('n2')).rejects.toMatchObject({
    code: 'Conflict',
    message: 'Operation cannot be fulfilled on pods/binding "p": pod p is already assigned to node "n1"',
  });
});

test('scale reads and writes the replicas of a StatefulSet', async () => {
  await using server = await aServer();
  const { client } = server;
  const template = { metadata: { labels: { app: 'x' } }, spec: { containers: [{ name: 'c', image: 'i' }] } };
  const spec = { replicas: 2, selector: { matchLabels: { app: 'x' } }, serviceName: 's', template };
  await client.create(resources.statefulsets, { metadata: ref('w'), spec } as StatefulSet);
  const path = '/apis/apps/v1/namespaces/default/statefulsets/w/scale';
  expect(await client.raw({ method: 'GET', path })).toMatchObject({
    kind: 'Scale',
    spec: { replicas: 2 },
    status: { replicas: 0, selector: 'app=x' },
  });
  const patch = {
    method: 'PATCH',
    path,
    contentType: 'application/merge-patch+json',
    body: { spec: { replicas: 5 } },
  } as const;
  expect(await client.raw(patch)).toMatchObject({ spec: { replicas: 5 } });
  const changed = (await client.get(resources.statefulsets, ref('w'))) as StatefulSet;
  expect(changed.spec?.replicas).toBe(5);
  expect(changed.metadata.generation).toBe(2);
  const negative = client.raw({ ...patch, body: { spec: { replicas: -1 } } });
  await expect(negative).rejects.toMatchObject({ code: 'Invalid' });
});

test('an eviction spends a disruption of the budget, and is refused when none is left', async () => {
  await using server = await aServer();
  const { client } = server;
  for (const name of ['a', 'b']) {
    const pod = await client.create(
      resources.pods,
      aPod(name, { metadata: { labels: { app: 'x' } }, spec: { nodeName: 'n' } }) as Pod,
    );
    const conditions = [{ type: 'Ready', status: 'True' }];
    await client.updateStatus(resources.pods, { ...pod, status: { phase: 'Running', conditions } } as Pod);
  }
  const budget = await client.create(resources.poddisruptionbudgets, {
    metadata: ref('b'),
    spec: { minAvailable: 1, selector: { matchLabels: { app: 'x' } } },
  } as never);
  const evict = (name: string) =>
    client.createSub(resources.pods, ref(name), 'eviction', {
      apiVersion: 'policy/v1',
      kind: 'Eviction',
      metadata: ref(name),
    });
  const status = {
    observedGeneration: 1,
    disruptionsAllowed: 1,
    currentHealthy: 2,
    desiredHealthy: 1,
    expectedPods: 2,
  };
  await client.updateStatus(resources.poddisruptionbudgets, { ...budget, status } as never);
  await evict('a');
  const evicted = (await client.get(resources.pods, ref('a'))) as Pod;
  expect(evicted.metadata.deletionTimestamp).toBeDefined();
  // Jobs that ignore disruptions look for it.
  expect(evicted.status?.conditions).toMatchObject([
    { type: 'Ready' },
    {
      type: 'DisruptionTarget',
      status: 'True',
      reason: 'EvictionByEvictionAPI',
      message: 'Eviction API: evicting',
      lastTransitionTime: expect.any(String),
    },
  ]);
  await expect(evict('b')).rejects.toMatchObject({ code: 'TooManyRequests' });
  const kept = (await client.get(resources.pods, ref('b'))) as Pod;
  expect(kept.metadata.deletionTimestamp).toBeUndefined();
  expect(kept.status?.conditions).toMatchObject([{ type: 'Ready' }]);
});

// What kube-apiserver 1.36.3 does of them.
test.each([
  ['a healthy one never', { conditions: [{ type: 'Ready', status: 'True' }] }, 'AlwaysAllow', 1, false],
  ['an unhealthy one where the budget says so', {}, 'AlwaysAllow', 0, true],
  ['an unhealthy one where the budget is met without it', {}, 'IfHealthyBudget', 1, true],
  ['an unhealthy one not while the budget is not met', {}, 'IfHealthyBudget', 0, false],
])('of pods beyond what a budget allows %s is evicted', async (_, more, unhealthyPodEvictionPolicy, healthy, goes) => {
  await using server = await aServer();
  const { client } = server;
  const made = aPod('a', { metadata: { labels: { app: 'x' } }, spec: { nodeName: 'n' } }) as Pod;
  const pod = await client.create(resources.pods, made);
  await client.updateStatus(resources.pods, { ...pod, status: { phase: 'Running', ...more } } as Pod);
  const selector = { matchLabels: { app: 'x' } };
  const budget = await client.create(resources.poddisruptionbudgets, {
    metadata: ref('b'),
    spec: { minAvailable: 1, selector, unhealthyPodEvictionPolicy },
  } as never);
  const counts = { disruptionsAllowed: 0, currentHealthy: healthy, desiredHealthy: 1, expectedPods: 1 };
  const status = { observedGeneration: 1, ...counts };
  await client.updateStatus(resources.poddisruptionbudgets, { ...budget, status } as never);
  const eviction = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: ref('a') };
  const code = await client.createSub(resources.pods, ref('a'), 'eviction', eviction).then(
    () => 'evicted',
    (error: ApiError) => error.code,
  );
  expect(code).toBe(goes ? 'evicted' : 'TooManyRequests');
  const { metadata } = await client.get(resources.pods, ref('a'));
  expect(metadata.deletionTimestamp !== undefined).toBe(goes);
});

test('an eviction that is told two things about a dry run is none', async () => {
  await using server = await aServer();
  await server.client.create(resources.pods, aPod('a') as Pod);
  const eviction = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: ref('a'), deleteOptions: { dryRun: ['x'] } };
  const evict = (path: string) => server.client.raw({ method: 'POST', path, body: eviction });
  await expect(evict('/api/v1/namespaces/default/pods/a/eviction?dryRun=All')).rejects.toMatchObject({
    message: 'Non-matching dry-run options in request and content: [All] and [x]',
  });
  await expect(evict('/api/v1/namespaces/default/pods/a/eviction')).rejects.toMatchObject({ code: 'Invalid' });
});

test('an eviction of one revision of a pod is of that one, though it writes to the pod itself', async () => {
  await using server = await aServer();
  const { client } = server;
  const pod = await client.create(resources.pods, aPod('a', { spec: { nodeName: 'n' } }) as Pod);
  const evict = (resourceVersion: string) =>
    client.createSub(resources.pods, ref('a'), 'eviction', {
      apiVersion: 'policy/v1',
      kind: 'Eviction',
      metadata: ref('a'),
      deleteOptions: { preconditions: { resourceVersion } },
    } as never);
  await expect(evict('1')).rejects.toMatchObject({ code: 'Conflict' });
  expect(((await client.get(resources.pods, ref('a'))) as Pod).status?.conditions).toBeUndefined();
  await evict(pod.metadata.resourceVersion as string);
  expect((await client.get(resources.pods, ref('a'))).metadata.deletionTimestamp).toBeDefined();
});

test('a namespace goes when its last finalizer does', async () => {
  await using server = await aServer();
  const { client } = server;
  const created = await client.create(resources.namespaces, {
    metadata: { name: 'a' },
    spec: { finalizers: ['kubernetes'] },
  });
  await client.delete(resources.namespaces, { name: 'a' });
  expect(await client.get(resources.namespaces, { name: 'a' })).toMatchObject({ status: { phase: 'Terminating' } });
  await expect(client.create(resources.configmaps, { metadata: { name: 'x', namespace: 'a' } })).rejects.toMatchObject({
    code: 'Forbidden',
    message: expect.stringContaining('because it is being terminated'),
  });
  await client.update(
    resources.namespaces,
    { metadata: { name: 'a', uid: created.metadata.uid as string }, spec: {} },
    { subresource: 'finalize' },
  );
  expect(await client.find(resources.namespaces, { name: 'a' })).toBeUndefined();
});

test('who finalizes a namespace writes its finalizers, and what else was sent', async () => {
  await using server = await aServer();
  const { client } = server;
  const body = { metadata: { name: 'a', labels: { l: '1' } } };
  await client.raw({ method: 'POST', path: '/api/v1/namespaces?fieldManager=maker', body });
  const put = (spec: object, metadata: object = {}) =>
    client.raw({
      method: 'PUT',
      path: '/api/v1/namespaces/a/finalize?fieldManager=fin',
      body: { metadata: { name: 'a', ...metadata }, spec },
    });
  const first = await put({ finalizers: ['kubernetes', 'x.y/z'] }, { labels: { q: 'r' } });
  expect(first).toMatchObject({ metadata: { labels: { q: 'r' } }, spec: { finalizers: ['kubernetes', 'x.y/z'] } });
  expect(await put({ finalizers: [] })).toMatchObject({ spec: {}, status: { phase: 'Active' } });
  await expect(put({}, { uid: 'other' })).rejects.toMatchObject({ code: 'Conflict' });
});

test('ephemeral containers are added to a pod, and neither changed nor removed', async () => {
  await using server = await aServer();
  const { client } = server;
  await client.create(resources.pods, aPod('p'));
  const path = '/api/v1/namespaces/default/pods/p/ephemeralcontainers';
  const patch = (ephemeralContainers: object[], strategy = 'strategic-merge') =>
    client.raw({
      method: 'PATCH',
      path,
      contentType: `application/${strategy}-patch+json`,
      body: { metadata: { labels: { not: 'taken' } }, spec: { ephemeralContainers, hostNetwork: true } },
    });
  const added = (await patch([{ name: 'd', image: 'i' }])) as unknown as Pod;
  expect(added.spec).toMatchObject({
    ephemeralContainers: [{ name: 'd', terminationMessagePath: '/dev/termination-log' }],
  });
  expect(added.spec).not.toHaveProperty('hostNetwork');
  expect(added.metadata).toMatchObject({ generation: 2 });
  expect(added.metadata).not.toHaveProperty('labels');
  const refusal = (words: string) => `Pod "p" is invalid: spec.ephemeralContainers: Forbidden: ${own} ${words}`;
  const own = 'existing ephemeral containers "d" may not be';
  // What kube-apiserver 1.36.3 answers.
  const lines = [
    '@@ -1,6 +1,6 @@',
    ' {',
    '  "Name": "d",',
    '- "Image": "i",',
    '+ "Image": "other",',
    '  "Command": null,',
  ];
  const changed = refusal(`changed\n${[...lines, '  "Args": null,', '  "WorkingDir": "",'].join('\n')}\n`);
  await expect(patch([{ name: 'd', image: 'other' }])).rejects.toMatchObject({ code: 'Invalid', message: changed });
  const removed = { code: 'Invalid', message: refusal('removed\n') };
  await expect(patch([], 'merge')).rejects.toMatchObject(removed);
});

test('approval of a certificate request takes its conditions and nothing else', async () => {
  await using server = await aServer();
  const { client } = server;
  const path = '/apis/certificates.k8s.io/v1/certificatesigningrequests';
  const der =
    'MIGsMGACAQAwLTENMAsGA1UECgwEZGV2czENMAsGA1UECgwEdGVhbTENMAsGA1UEAwwEamFuZTAqMAUGAytlcAMhAOazjAzOOtiEKHAyP38r5K4GZ3nzQMUAts+TdUGUSfqEoAAwBQYDK2VwA0EAMqVo/mj0/r01ZdAs7geJEsXB2oprpV05q3S8wr7HOq19N8skC1lwPrW1v8+Bd82s/qho2/cJRqaeD69eHdYGAg==';
  const pem = `-----BEGIN CERTIFICATE REQUEST-----\n${der}\n-----END CERTIFICATE REQUEST-----\n`;
  const spec = { signerName: 'example.com/s', usages: ['client auth'], request: Buffer.from(pem).toString('base64') };
  await client.raw({ method: 'POST', path, body: { metadata: { name: 'r' }, spec } });
  const conditions = [{ type: 'Approved', status: 'True', reason: 'x' }];
  const answer = await client.raw({
    method: 'PATCH',
    path: `${path}/r/approval`,
    contentType: 'application/merge-patch+json',
    body: { spec: { signerName: 'example.com/other' }, status: { conditions, certificate: 'eA==' } },
  });
  expect(answer).toMatchObject({ spec: { signerName: 'example.com/s' }, status: { conditions } });
  expect(answer).not.toHaveProperty('status.certificate');
});

test('finalizing a namespace refuses names that no finalizer may have', async () => {
  await using server = await aServer();
  const namespace = await server.client.get(resources.namespaces, { name: 'default' });
  const put = server.client.raw({
    method: 'PUT',
    path: '/api/v1/namespaces/default/finalize',
    body: { ...namespace, spec: { finalizers: ['nobody'] } },
  });
  await expect(put).rejects.toMatchObject({ code: 'Invalid' });
});

// kube-apiserver 1.36.3 resizes it.
test('a pod that somebody debugs is resized as any other', async () => {
  await using server = await aServer();
  const { client } = server;
  const container = { name: 'c', image: 'i', resources: { requests: { cpu: '100m' } } };
  await client.create(resources.pods, aPod('p', { spec: { containers: [container] } }));
  const patch = (subresource: string, spec: object) =>
    client.raw({
      method: 'PATCH',
      path: `/api/v1/namespaces/default/pods/p/${subresource}`,
      contentType: 'application/strategic-merge-patch+json',
      body: { spec },
    });
  await patch('ephemeralcontainers', { ephemeralContainers: [{ name: 'd', image: 'i' }] });
  const wanted = { containers: [{ name: 'c', resources: { requests: { cpu: '200m' } } }] };
  expect(await patch('resize', wanted)).toMatchObject({ spec: { ...wanted, ephemeralContainers: [{ name: 'd' }] } });
});
