import { ApiError, KubeClient, type KubeObject, resources } from '@berth/kube';
import { expect, test } from 'vitest';
import { aServer } from '../server.test-harness.ts';

const label = 'resource.kubernetes.io/admin-access';

function aClaim(name: string, exactly: object = {}): KubeObject {
  const requests = [{ name: 'r', exactly: { deviceClassName: 'gpu', ...exactly } }];
  return { metadata: { name, namespace: 'default' }, spec: { devices: { requests } } } as KubeObject;
}

async function causes(run: Promise<unknown>): Promise<string[]> {
  try {
    await run;
    return [];
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return (error.status.details?.causes ?? []).map(({ field, message }) => `${field}: ${message}`);
  }
}

test('who takes a device as its administrator is in a namespace that allows it', async () => {
  await using server = await aServer();
  const { client } = server;
  const claims = resources.resourceclaims;
  const no = `Forbidden: admin access to devices requires the \`${label}: true\` label on the containing namespace`;
  const wanted = { adminAccess: true, allocationMode: 'All' };
  expect(await causes(client.create(claims, aClaim('a', wanted)))).toEqual([
    `spec.devices.requests[0].adminAccess: ${no}`,
  ]);
  const beta1 = { ...claims, version: 'v1beta1' };
  const flat = { ...aClaim('a'), spec: { devices: { requests: [{ name: 'r', deviceClassName: 'gpu', ...wanted }] } } };
  expect(await causes(client.create(beta1, flat))).toEqual([`spec.devices.requests[0].adminAccess: ${no}`]);
  await client.patch(
    resources.namespaces,
    { name: 'default' },
    {
      type: 'merge',
      patch: { metadata: { labels: { [label]: 'true' } } },
    },
  );
  expect(await causes(client.create(claims, aClaim('a', wanted)))).toEqual([]);
});

test('what a claim got is for schedulers to say, and what a device does for its driver', async () => {
  await using server = await aServer({ authorizationModes: ['RBAC'] });
  const { client } = server;
  const may = async (name: string, rules: object[]) => {
    await client.create(resources.clusterroles, { metadata: { name }, rules } as KubeObject);
    const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name };
    const subjects = [{ kind: 'User', name: 'jane', apiGroup: roleRef.apiGroup }];
    await client.create(resources.clusterrolebindings, { metadata: { name }, roleRef, subjects } as KubeObject);
    await server.clock.advance(1);
  };
  const rule = (verb: string, resource: string) => ({
    apiGroups: ['resource.k8s.io'],
    resources: [resource],
    verbs: [verb],
  });
  await may('status', [rule('update', 'resourceclaims/status')]);
  const claim = await client.create(resources.resourceclaims, aClaim('a'));
  const jane = new KubeClient(server.server.transport({ name: 'jane', groups: ['system:authenticated'] }));
  const place = { driver: 'd.example.com', pool: 'p', device: 'x' };
  const allocation = { devices: { results: [{ request: 'r', ...place }] } };
  const status = { allocation, devices: [{ ...place, conditions: [] }] };
  const write = () => causes(jane.updateStatus(resources.resourceclaims, { ...claim, status } as KubeObject));
  expect(await write()).toEqual([
    'status.allocation: Forbidden: changing status.allocation or status.reservedFor requires resource="resourceclaims/binding", verb="update" permission: resourceclaims.resource.k8s.io is forbidden: User "jane" cannot update resource "resourceclaims/binding" in API group "resource.k8s.io" at the cluster scope',
    'status.devices: Forbidden: changing status.devices requires resource="resourceclaims/driver", verb="[arbitrary-node:update]" permission: resourceclaims.resource.k8s.io "d.example.com" is forbidden: User "jane" cannot arbitrary-node:update resource "resourceclaims/driver" in API group "resource.k8s.io" in the namespace "default"',
  ]);
  await may('binding', [rule('update', 'resourceclaims/binding')]);
  expect(await write()).toEqual([expect.stringMatching(/^status\.devices: /)]);
  await may('driver', [rule('arbitrary-node:update', 'resourceclaims/driver')]);
  expect(await write()).toEqual([]);
});
