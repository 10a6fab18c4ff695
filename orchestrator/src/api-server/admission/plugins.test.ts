import { KubeClient, type KubeObject, type Pod, resources } from '@berth/kube';
import { expect, test } from 'vitest';
import { aPod, aServer } from '../server.test-harness.ts';
import { organizationsOf } from './certificates/request-subject.ts';
import { mergeTolerations } from './merge-tolerations.ts';
import type { PluginChoice } from './plugin-names.ts';

const own = { name: 'a', namespace: 'default' };
const withPlugins = (choice: Partial<PluginChoice>) =>
  aServer({ admissionPlugins: { enable: [], disable: [], ...choice } });
const pemOf = (base64: string) =>
  ['-----BEGIN CERTIFICATE REQUEST-----', base64, '-----END CERTIFICATE REQUEST-----', ''].join('\n');
/** O = devs, O = system:masters, CN = jane */
const superuserRequest = pemOf(
  'MIG2MGoCAQAwNzENMAsGA1UECgwEZGV2czEXMBUGA1UECgwOc3lzdGVtOm1hc3RlcnMxDTALBgNVBAMMBGphbmUwKjAFBgMrZXADIQAQhjn2c6gAlq6P8I/qMTJGG8rX7pU3+xRmTkgStGbvW6AAMAUGAytlcANBAJ7ePqHmkK/nP55Ry/G+EQTQf6qrswy6+rtYn9JUGeT0pQ636Isxq1fRIltEwmXIZQ0nxZ1bPlrv9odsb1Mv8wE=',
);
/** O = devs, O = team, CN = jane */
const teamRequest = pemOf(
  'MIGsMGACAQAwLTENMAsGA1UECgwEZGV2czENMAsGA1UECgwEdGVhbTENMAsGA1UEAwwEamFuZTAqMAUGAytlcAMhAOazjAzOOtiEKHAyP38r5K4GZ3nzQMUAts+TdUGUSfqEoAAwBQYDK2VwA0EAMqVo/mj0/r01ZdAs7geJEsXB2oprpV05q3S8wr7HOq19N8skC1lwPrW1v8+Bd82s/qho2/cJRqaeD69eHdYGAg==',
);

test('AlwaysPullImages is off; where it is on, every image is pulled', async () => {
  const pod = aPod('p', {
    spec: {
      containers: [{ name: 'c', image: 'i:1', imagePullPolicy: 'Never' }],
      initContainers: [{ name: 'd', image: 'i:1' }],
      volumes: [{ name: 'v', image: { reference: 'i:2', pullPolicy: 'IfNotPresent' } }],
    },
  });
  await using plain = await aServer();
  const left = (await plain.client.create(resources.pods, pod as KubeObject as never)) as Pod;
  expect(left.spec?.containers[0]?.imagePullPolicy).toBe('Never');
  await using s = await withPlugins({ enable: ['AlwaysPullImages'] });
  const made = (await s.client.create(resources.pods, pod as KubeObject as never)) as Pod;
  expect(made.spec).toMatchObject({
    containers: [{ imagePullPolicy: 'Always' }],
    initContainers: [{ imagePullPolicy: 'Always' }],
    volumes: [{ image: { pullPolicy: 'Always' } }, {}],
  });
});

test('a pod of a RuntimeClass costs what the class says and runs where it says', async () => {
  await using s = await aServer();
  await s.client.create(resources.runtimeclasses, {
    metadata: { name: 'vm' },
    handler: 'vm',
    overhead: { podFixed: { cpu: '250m' } },
    scheduling: {
      nodeSelector: { vm: 'yes' },
      tolerations: [{ key: 'vm', operator: 'Exists', effect: 'NoSchedule' }],
    },
  });
  const create = (name: string, spec: object) => s.client.create(resources.pods, aPod(name, { spec })) as Promise<Pod>;
  const made = await create('p', { runtimeClassName: 'vm', overhead: { cpu: '0.25' }, nodeSelector: { disk: 'ssd' } });
  expect(made.spec).toMatchObject({
    overhead: { cpu: '250m' },
    nodeSelector: { disk: 'ssd', vm: 'yes' },
    tolerations: expect.arrayContaining([{ key: 'vm', operator: 'Exists', effect: 'NoSchedule' }]),
  });
  const refused: [object, string][] = [
    [{ runtimeClassName: 'none' }, 'pod rejected: RuntimeClass "none" not found'],
    [
      { runtimeClassName: 'vm', overhead: { cpu: '1' } },
      "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead",
    ],
    [{ overhead: { cpu: '1' } }, 'pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead'],
    [
      { runtimeClassName: 'vm', nodeSelector: { vm: 'no' } },
      'conflict: runtimeClass.scheduling.nodeSelector[vm] = yes; pod.spec.nodeSelector[vm] = no',
    ],
  ];
  for (const [spec, why] of refused)
    await expect(create('q', spec)).rejects.toMatchObject({
      code: 'Forbidden',
      message: `pods "q" is forbidden: ${why}`,
    });
});

test('a pod is told where its node is, when it is bound and when it is made for it', async () => {
  await using server = await aServer();
  const { client } = server;
  const place = { 'topology.kubernetes.io/zone': 'z', 'topology.kubernetes.io/region': 'r' };
  const labels = { ...place, 'kubernetes.io/hostname': 'n' };
  await client.create(resources.nodes, { metadata: { name: 'n', labels } });
  const labelsOf = async (name: string) => (await client.get(resources.pods, { ...own, name })).metadata.labels;
  const bind = (name: string, node: string) =>
    client.createSub(resources.pods, { ...own, name }, 'binding', {
      metadata: { name },
      target: { kind: 'Node', name: node },
    });
  const mine = { app: 'x', 'topology.kubernetes.io/zone': 'mine' };
  for (const name of ['bound', 'lost'])
    await client.create(resources.pods, aPod(name, { metadata: { ...own, name, labels: mine } }));
  await bind('bound', 'n');
  await bind('lost', 'gone');
  expect(await labelsOf('bound')).toEqual({ app: 'x', ...place });
  expect(await labelsOf('lost')).toEqual(mine);
  await client.create(resources.pods, aPod('placed', { spec: { ...aPod('placed').spec, nodeName: 'n' } }));
  expect(await labelsOf('placed')).toEqual(place);
  await using without = await withPlugins({ disable: ['PodTopologyLabels'] });
  await without.client.create(resources.nodes, { metadata: { name: 'n', labels } });
  await without.client.create(resources.pods, aPod('placed', { spec: { ...aPod('placed').spec, nodeName: 'n' } }));
  expect((await without.client.get(resources.pods, { ...own, name: 'placed' })).metadata.labels).toBeUndefined();
});

test('merged tolerations leave out what another one covers', () => {
  const seconds = (tolerationSeconds: number) => ({
    key: 'a',
    operator: 'Exists',
    effect: 'NoExecute',
    tolerationSeconds,
  });
  expect(mergeTolerations([seconds(5)], [seconds(60)])).toEqual([seconds(60)]);
  const equal = { key: 'a', operator: 'Equal', value: 'b', effect: 'NoSchedule' };
  const exists = { key: 'a', operator: 'Exists' };
  expect(mergeTolerations([equal], [exists, equal])).toEqual([exists]);
  expect(mergeTolerations([equal], [{ ...equal, key: 'c' }])).toHaveLength(2);
  expect(mergeTolerations([equal, exists], [{ operator: 'Exists' }])).toEqual([{ operator: 'Exists' }]);
});

test('an Ingress without a class gets the newest default, one with an annotation does not', async () => {
  await using s = await aServer();
  const annotations = { 'ingressclass.kubernetes.io/is-default-class': 'true' };
  for (const name of ['older', 'newer']) {
    await s.client.create(resources.ingressclasses, { metadata: { name, annotations }, spec: { controller: 'a/b' } });
    await s.clock.advance(2000);
  }
  const spec = { defaultBackend: { service: { name: 's', port: { number: 80 } } } };
  const made = await s.client.create(resources.ingresses, { metadata: own, spec });
  expect(made.spec?.ingressClassName).toBe('newer');
  const annotated = { name: 'b', namespace: 'default', annotations: { 'kubernetes.io/ingress.class': 'x' } };
  const other = await s.client.create(resources.ingresses, { metadata: annotated, spec });
  expect(other.spec).not.toHaveProperty('ingressClassName');
});

test('ExtendedResourceToleration, where it is on, tolerates what keeps devices free', async () => {
  await using s = await withPlugins({ enable: ['ExtendedResourceToleration'] });
  const amounts = { 'example.com/gpu': '1', cpu: '1' };
  const containers = [{ name: 'c', image: 'i', resources: { limits: amounts, requests: amounts } }];
  const made = (await s.client.create(resources.pods, aPod('p', { spec: { containers } }))) as Pod;
  const keys = made.spec?.tolerations?.map(({ key, effect }) => `${key}:${effect}`);
  expect(keys).toContain('example.com/gpu:NoSchedule');
  expect(keys).not.toContain('cpu:NoSchedule');
});

test('a plugin that is switched off does nothing', async () => {
  await using s = await withPlugins({ disable: ['ServiceAccount', 'PodSecurity', 'NamespaceLifecycle'] });
  const made = (await s.client.create(resources.pods, aPod('p'))) as Pod;
  expect(made.spec?.serviceAccountName).toBeUndefined();
  await s.client.create(resources.configmaps, { metadata: { name: 'a', namespace: 'nowhere' } });
});

const requestOf = (name: string, pem: string, signerName = 'kubernetes.io/kube-apiserver-client') => ({
  metadata: { name },
  spec: { request: Buffer.from(pem).toString('base64'), signerName, usages: ['client auth'] },
});

test('nobody becomes a superuser by a certificate', async () => {
  await using s = await aServer();
  const create = (name: string, pem: string) =>
    s.client.create(resources.certificatesigningrequests, requestOf(name, pem) as never);
  await create('team', teamRequest);
  await expect(create('super', superuserRequest)).rejects.toMatchObject({
    code: 'Forbidden',
    message:
      'certificatesigningrequests.certificates.k8s.io "super" is forbidden: use of kubernetes.io/kube-apiserver-client signer with system:masters group is not allowed',
  });
});

test('the subject of a certificate request is read, and rubbish refused', () => {
  expect(organizationsOf(superuserRequest)).toEqual(['devs', 'system:masters']);
  expect(organizationsOf(teamRequest)).toEqual(['devs', 'team']);
  const bytes = Buffer.from(superuserRequest.split('\n')[1] as string, 'base64');
  for (let length = 0; length < bytes.length; length++)
    expect(() => organizationsOf(pemOf(bytes.subarray(0, length).toString('base64')))).toThrow(RangeError);
  for (const hostile of ['3084ffffffff', '3080', '30850000000001', '02'])
    expect(() => organizationsOf(pemOf(Buffer.from(hostile, 'hex').toString('base64')))).toThrow(RangeError);
});

test('approving and signing take the right to that signer, or to all of its domain', async () => {
  await using s = await aServer({ authorizationModes: ['RBAC'] });
  const { client, server } = s;
  const rule = (resourceNames: string[], verbs: string[]) => ({
    apiGroups: ['certificates.k8s.io'],
    resources: ['signers'],
    resourceNames,
    verbs,
  });
  const all = { apiGroups: ['certificates.k8s.io'], resources: ['*'], verbs: ['get', 'update', 'patch'] };
  const user = { name: 'jane', groups: ['system:authenticated'] };
  await client.create(resources.clusterroles, {
    metadata: { name: 'signer' },
    rules: [all, rule(['example.com/one'], ['approve']), rule(['example.com/*'], ['sign'])],
  });
  await client.create(resources.clusterrolebindings, {
    metadata: { name: 'signer' },
    subjects: [{ kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name: 'jane' }],
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'signer' },
  });
  for (const name of ['one', 'two'])
    await client.create(
      resources.certificatesigningrequests,
      requestOf(name, teamRequest, `example.com/${name}`) as never,
    );
  const jane = new KubeClient(server.transport(user));
  const patch = (name: string, subresource: string, status: object) =>
    jane.raw({
      method: 'PATCH',
      path: `/apis/certificates.k8s.io/v1/certificatesigningrequests/${name}/${subresource}`,
      contentType: 'application/merge-patch+json',
      body: { status },
    });
  const approved = { conditions: [{ type: 'Approved', status: 'True', reason: 'r' }] };
  await patch('one', 'approval', approved);
  await expect(patch('two', 'approval', approved)).rejects.toThrow(
    'certificatesigningrequests.certificates.k8s.io "two" is forbidden: user not permitted to approve requests with signerName "example.com/two"',
  );
  const failed = { conditions: [{ type: 'Failed', status: 'True', reason: 'r' }] };
  await patch('two', 'status', failed);
});

test('one class of priority is the default', async () => {
  await using s = await aServer();
  const make = (name: string, more: object = { globalDefault: true }) =>
    s.client.create(resources.priorityclasses, { metadata: { name }, value: 1000, ...more });
  const first = await make('first');
  const message =
    'priorityclasses.scheduling.k8s.io "second" is forbidden: PriorityClass first is already marked as default. Only one default can exist';
  await expect(make('second')).rejects.toMatchObject({ code: 'Forbidden', message });
  // What is wrong with the class itself is told first.
  await expect(make('second', { globalDefault: true, preemptionPolicy: 'Often' })).rejects.toMatchObject({
    code: 'Invalid',
  });
  const second = await make('second', {});
  await expect(s.client.update(resources.priorityclasses, { ...second, globalDefault: true })).rejects.toMatchObject({
    message,
  });
  await s.client.update(resources.priorityclasses, { ...first, description: 'still' });
});
