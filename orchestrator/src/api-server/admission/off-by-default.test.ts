import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KubeClient, type Node, type Pod, resources } from '@berth/kube';
import { expect, test } from 'vitest';
import { aConfigMap, aPod, aServer } from '../server.test-harness.ts';
import type { AdmissionPluginName } from './plugin-names.ts';

const withPlugin = (name: AdmissionPluginName, configFile?: string) =>
  // Namespaces get no accounts here.
  aServer({
    admissionPlugins: { enable: [name], disable: ['ServiceAccount'], ...(configFile ? { configFile } : {}) },
  });

/** A file of configuration for one plugin, while it is looked at. */
function configured(name: string, configuration: object) {
  const folder = mkdtempSync(join(tmpdir(), 'berth-admission-'));
  const file = join(folder, 'admission.json');
  const plugins = [{ name, configuration }];
  writeFileSync(
    file,
    JSON.stringify({ apiVersion: 'apiserver.config.k8s.io/v1', kind: 'AdmissionConfiguration', plugins }),
  );
  return { file, [Symbol.dispose]: () => rmSync(folder, { recursive: true }) };
}

test('AlwaysDeny denies all but what the server itself needs', async () => {
  await using s = await aServer();
  await using denying = await withPlugin('AlwaysDeny').catch((error) => {
    // The harness creates an account, which is a client's wish as well.
    expect(error.message).toBe(
      'serviceaccounts "default" is forbidden: admission control is denying all modifications',
    );
    return s;
  });
  expect(denying).toBe(s);
});

test('AlwaysAdmit changes nothing', async () => {
  await using s = await withPlugin('AlwaysAdmit');
  await s.client.create(resources.configmaps, aConfigMap('a'));
});

test('NamespaceAutoProvision makes the namespace that something is created in', async () => {
  await using s = await withPlugin('NamespaceAutoProvision');
  const there = { metadata: { name: 'a', namespace: 'new' } };
  await expect(s.client.create(resources.configmaps, there, { dryRun: 'All' })).rejects.toMatchObject({
    code: 'NotFound',
    message: 'namespaces "new" not found',
  });
  await s.client.create(resources.configmaps, there);
  const made = await s.client.get(resources.namespaces, { name: 'new' });
  expect(made.spec?.finalizers).toEqual(['kubernetes']);
  await expect(
    s.client.create(resources.configmaps, { metadata: { name: 'a', namespace: 'No' } }),
  ).rejects.toMatchObject({
    code: 'Forbidden',
    message: expect.stringContaining('configmaps "a" is forbidden: Namespace "No" is invalid: '),
  });
});

test('NamespaceExists refuses what is created where no namespace is, whoever else lets it pass', async () => {
  await using s = await aServer({ admissionPlugins: { enable: ['NamespaceExists'], disable: ['NamespaceLifecycle'] } });
  await expect(
    s.client.create(resources.configmaps, { metadata: { name: 'a', namespace: 'nowhere' } }),
  ).rejects.toMatchObject({ code: 'NotFound', message: 'namespaces "nowhere" not found' });
  await s.client.create(resources.configmaps, aConfigMap('a'));
});

test('LimitPodHardAntiAffinityTopology lets pods keep others off their node, and off no more', async () => {
  await using s = await withPlugin('LimitPodHardAntiAffinityTopology');
  const create = (name: string, topologyKey: string) => {
    const term = { topologyKey, labelSelector: { matchLabels: { a: 'b' } } };
    const affinity = { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term] } };
    return s.client.create(resources.pods, aPod(name, { spec: { affinity } }));
  };
  await create('node', 'kubernetes.io/hostname');
  await expect(create('zone', 'zone')).rejects.toMatchObject({
    code: 'Forbidden',
    message:
      'pods "zone" is forbidden: affinity.PodAntiAffinity.RequiredDuringScheduling has TopologyKey zone but only key kubernetes.io/hostname is allowed',
  });
});

test('DenyServiceExternalIPs lets Services keep their external addresses, and take no others', async () => {
  await using s = await aServer();
  const spec = { ports: [{ port: 80 }], externalIPs: ['192.0.2.1', '192.0.2.2'] };
  await using denying = await withPlugin('DenyServiceExternalIPs');
  const why = {
    code: 'Forbidden',
    message: 'services "a" is forbidden: Use of external IPs is denied by admission control',
  };
  const metadata = { name: 'a', namespace: 'default' };
  await expect(denying.client.create(resources.services, { metadata, spec })).rejects.toMatchObject(why);
  const plain = await denying.client.create(resources.services, { metadata, spec: { ...spec, externalIPs: [] } });
  await expect(
    denying.client.update(resources.services, { ...plain, spec: { ...plain.spec, externalIPs: ['192.0.2.1'] } }),
  ).rejects.toMatchObject(why);
  await s.client.create(resources.services, { metadata, spec });
});

test('TaintNodesByCondition keeps pods off new nodes', async () => {
  await using s = await withPlugin('TaintNodesByCondition');
  const taint = { key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' };
  const made = (await s.client.create(resources.nodes, { metadata: { name: 'a' } })) as Node;
  expect(made.spec?.taints).toEqual([taint]);
  const had = (await s.client.create(resources.nodes, { metadata: { name: 'b' }, spec: { taints: [taint] } })) as Node;
  expect(had.spec?.taints).toEqual([taint]);
  await using plain = await aServer();
  const left = (await plain.client.create(resources.nodes, { metadata: { name: 'a' } })) as Node;
  expect(left.spec?.taints).toBeUndefined();
});

test('PodNodeSelector: pods run on the nodes of their namespace, and where they may', async () => {
  using file = configured('PodNodeSelector', {
    podNodeSelectorPluginConfig: { clusterDefaultNodeSelector: 'pool=shared', narrow: 'pool=shared,disk=ssd' },
  });
  await using s = await withPlugin('PodNodeSelector', file.file);
  const annotations = { 'scheduler.alpha.kubernetes.io/node-selector': 'pool=mine, disk=ssd' };
  await s.client.create(resources.namespaces, { metadata: { name: 'own', annotations } });
  await s.client.create(resources.namespaces, { metadata: { name: 'narrow' } });
  const damaged = { 'scheduler.alpha.kubernetes.io/node-selector': 'a=b=c' };
  await s.client.create(resources.namespaces, { metadata: { name: 'damaged', annotations: damaged } });
  const create = async (namespace: string, nodeSelector?: Record<string, string>) => {
    const at = { name: 'p', namespace };
    const spec = nodeSelector ? { nodeSelector } : {};
    return ((await s.client.create(resources.pods, aPod('p', { metadata: at, spec }))) as Pod).spec?.nodeSelector;
  };
  expect(await create('default', { a: 'b' })).toEqual({ pool: 'shared', a: 'b' });
  await expect(create('own', { pool: 'other' })).rejects.toMatchObject({
    code: 'Forbidden',
    message: 'pods "p" is forbidden: pod node label selector conflicts with its namespace node label selector',
  });
  expect(await create('own')).toEqual({ pool: 'mine', disk: 'ssd' });
  await expect(create('narrow', { zone: 'a' })).rejects.toThrow(
    'pods "p" is forbidden: pod node label selector labels conflict with its namespace whitelist',
  );
  expect(await create('narrow', { disk: 'ssd' })).toEqual({ pool: 'shared', disk: 'ssd' });
  await expect(create('damaged')).rejects.toThrow('invalid selector: [a b c]');
  const node = { 'scheduler.alpha.kubernetes.io/node-selector': 'a=-' };
  await s.client.create(resources.namespaces, { metadata: { name: 'no-label', annotations: node } });
  await expect(create('no-label')).rejects.toThrow(/^\[a\]: Invalid value: "-": a valid label must be /);
});

test('PodTolerationRestriction: pods tolerate what their namespace says, and no more than it allows', async () => {
  const gpu = { key: 'gpu', operator: 'Exists', effect: 'NoSchedule' };
  using file = configured('PodTolerationRestriction', {
    apiVersion: 'podtolerationrestriction.admission.k8s.io/v1alpha1',
    kind: 'Configuration',
    default: [gpu],
  });
  await using s = await withPlugin('PodTolerationRestriction', file.file);
  const make = (name: string, told: Record<string, object[]>) => {
    const annotations = Object.fromEntries(
      Object.entries(told).map(([key, list]) => [`scheduler.alpha.kubernetes.io/${key}`, JSON.stringify(list)]),
    );
    return s.client.create(resources.namespaces, { metadata: { name, annotations } });
  };
  const own = { key: 'own', operator: 'Equal', value: 'x', effect: 'NoExecute' };
  await make('own', { defaultTolerations: [own] });
  await make('narrow', { tolerationsWhitelist: [{ operator: 'Exists', effect: 'NoExecute' }], defaultTolerations: [] });
  const create = async (namespace: string, spec: object = {}) => {
    const made = await s.client.create(resources.pods, aPod('p', { metadata: { name: 'p', namespace }, spec }));
    return (made as Pod).spec?.tolerations
      ?.map(({ key }) => key)
      .filter((key) => !/not-ready|unreachable/.test(key ?? ''));
  };
  expect(await create('default')).toEqual(['gpu']);
  const containers = [{ name: 'c', image: 'i', resources: { requests: { cpu: '1' } } }];
  expect(await create('own', { containers })).toEqual(['own', 'node.kubernetes.io/memory-pressure']);
  await expect(create('narrow', { tolerations: [gpu] })).rejects.toMatchObject({
    status: {
      code: 500,
      message:
        'pod tolerations (possibly merged with namespace default tolerations) conflict with its namespace whitelist',
    },
  });
  expect(await create('narrow', { tolerations: [own] })).toEqual(['own']);
  // What is no list of tolerations is told as Go's decoder tells it.
  for (const [name, text, why] of [
    ['cut', '{"a":', 'unexpected end of JSON input'],
    ['object', '{}', 'json: cannot unmarshal object into Go value of type []v1.Toleration'],
    ['number', '[{"key":1}]', 'json: cannot unmarshal number into Go struct field Toleration.key of type string'],
  ] as const) {
    const annotations = { 'scheduler.alpha.kubernetes.io/tolerationsWhitelist': text };
    await s.client.create(resources.namespaces, { metadata: { name, annotations } });
    await expect(create(name)).rejects.toMatchObject({ status: { code: 500, message: why } });
  }
  for (const [whitelist, why] of [
    [[{ key: 'a', operator: 'Likes' }], 'invalid config: [podtolerationrestriction.whitelist[0].operator: '],
    [[{ key: 1 }], 'json: cannot unmarshal number into Go struct field Toleration.whitelist.key of type string'],
  ] as const) {
    using wrong = configured('PodTolerationRestriction', {
      apiVersion: 'podtolerationrestriction.admission.k8s.io/v1alpha1',
      kind: 'Configuration',
      whitelist,
    });
    await expect(withPlugin('PodTolerationRestriction', wrong.file)).rejects.toThrow(
      `couldn't init admission plugin "PodTolerationRestriction": ${why}`,
    );
  }
});

test('OwnerReferencesPermissionEnforcement: owners are given by those who may delete', async () => {
  await using s = await aServer({
    authorizationModes: ['RBAC'],
    admissionPlugins: { enable: ['OwnerReferencesPermissionEnforcement'], disable: [] },
  });
  const { client, server } = s;
  const allow = async (name: string, verbs: string[], of: string[]) => {
    await client.create(resources.clusterroles, {
      metadata: { name },
      rules: [{ apiGroups: ['', 'apps'], resources: of, verbs }],
    });
    await client.create(resources.clusterrolebindings, {
      metadata: { name },
      subjects: [{ kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name: 'jane' }],
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name },
    });
  };
  await allow('write', ['get', 'create', 'update'], ['configmaps']);
  const jane = new KubeClient(server.transport({ name: 'jane', groups: ['system:authenticated'] }));
  const owner = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'd', uid: 'u-1' };
  const owned = (name: string, more: object = {}) =>
    aConfigMap(name, { metadata: { name, namespace: 'default', ownerReferences: [{ ...owner, ...more }] } });
  await jane.create(resources.configmaps, owned('a'));
  const plain = await jane.create(resources.configmaps, aConfigMap('b'));
  const adopt = () =>
    jane.update(resources.configmaps, { ...plain, metadata: { ...plain.metadata, ownerReferences: [owner] } });
  await expect(adopt()).rejects.toMatchObject({
    code: 'Forbidden',
    message: 'configmaps "b" is forbidden: cannot set an ownerRef on a resource you can\'t delete: , <nil>',
  });
  await allow('delete', ['delete'], ['configmaps']);
  await adopt();
  const blocking = (more: object = {}) =>
    jane.create(resources.configmaps, owned('c', { blockOwnerDeletion: true, ...more }));
  await expect(blocking()).rejects.toThrow(
    'configmaps "c" is forbidden: cannot set blockOwnerDeletion if an ownerReference refers to a resource you can\'t set finalizers on: , <nil>',
  );
  await expect(blocking({ kind: 'Nothing' })).rejects.toThrow(
    'cannot set blockOwnerDeletion in this case because cannot find RESTMapping for APIVersion apps/v1 Kind Nothing: no matches for kind "Nothing" in version "apps/v1"',
  );
  await allow('finalize', ['update'], ['deployments/finalizers']);
  await blocking();
});

test('PodResizeValidator: a pod gets no more than its node has', async () => {
  await using s = await aServer();
  const { client } = s;
  const node = await client.create(resources.nodes, { metadata: { name: 'n' } });
  await client.updateStatus(resources.nodes, { ...node, status: { allocatable: { cpu: '2', memory: '1Gi' } } });
  const sized = (cpu: string, memory: string) => [{ name: 'c', image: 'i', resources: { requests: { cpu, memory } } }];
  await client.create(resources.pods, aPod('p', { spec: { nodeName: 'n', containers: sized('1', '1Mi') } }));
  const resize = (cpu: string, memory: string) =>
    client.raw({
      method: 'PATCH',
      path: '/api/v1/namespaces/default/pods/p/resize',
      contentType: 'application/strategic-merge-patch+json',
      body: { spec: { containers: sized(cpu, memory) } },
    });
  await resize('2', '1Gi');
  await expect(resize('2500m', '2Gi')).rejects.toMatchObject({
    code: 'Forbidden',
    message:
      'pods "p" is forbidden: node didn\'t have enough allocatable resources: cpu, requested: 2500, allocatable: 2000; memory, requested: 2147483648, allocatable: 1073741824',
    status: { details: { causes: [{ reason: 'NodeCapacity' }] } },
  });
  await client.delete(resources.nodes, { name: 'n' });
  await expect(resize('1', '1Mi')).rejects.toThrow('pods "p" is forbidden: node "n" not found');
});
