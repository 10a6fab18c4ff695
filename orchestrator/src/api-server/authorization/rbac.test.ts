import { readFileSync } from 'node:fs';
import { FakeClock, seededRng, silentLogger } from '@berth/kit';
import {
  KubeClient,
  type KubeObject,
  type PolicyRule,
  type RbacV1Subject,
  type ResourceType,
  resources,
} from '@berth/kube';
import { expect, test } from 'vitest';
import { MemoryStore } from '../../store/store.memory.ts';
import { createApiServer } from '../create-api-server.ts';
import { definitions } from '../resources/definitions.ts';
import type { User } from '../user.ts';

/** A server with roles; `as` is a client that is somebody. */
async function roleServer() {
  const clock = new FakeClock();
  const store = new MemoryStore({ clock });
  const parts = { definitions, clock, rng: seededRng(1), log: silentLogger, nodeApi: () => undefined };
  const start = () => createApiServer({ ...parts, store, authorizationModes: ['RBAC'] });
  const server = await start();
  const as = (name: string, ...groups: string[]): KubeClient => {
    const user: User = { name, groups: [...groups, 'system:authenticated'] };
    return new KubeClient(server.transport(user));
  };
  const admin = new KubeClient(server.transport());
  return {
    start,
    admin,
    as,
    make: <T extends KubeObject>(type: ResourceType<T>, object: object) => admin.create(type, object as T),
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await store[Symbol.asyncDispose]();
    },
  };
}

const role = (name: string, rules: PolicyRule[]) => ({ metadata: { name, namespace: 'default' }, rules });
const podReader = role('pod-reader', [{ apiGroups: [''], resources: ['pods'], verbs: ['get', 'list'] }]);
const bind = (name: string, subject: RbacV1Subject, roleName = 'pod-reader', kind = 'Role') => ({
  metadata: { name, namespace: 'default' },
  subjects: [subject],
  roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind, name: roleName },
});
const jane = { kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name: 'jane' };
const listPods = (client: KubeClient, namespace = 'default') => client.list(resources.pods, { namespace });

test('the roles and bindings of a new cluster are those a fresh Kubernetes creates', async () => {
  await using s = await roleServer();
  const { objects } = JSON.parse(
    readFileSync(new URL('../../../../test/golden/bootstrap.json', import.meta.url), 'utf8'),
  ) as { objects: Record<string, KubeObject[]> };
  for (const plural of ['clusterroles', 'clusterrolebindings', 'roles', 'rolebindings'] as const) {
    const { items } = await s.admin.list(resources[plural] as ResourceType<KubeObject>);
    const names = (list: readonly KubeObject[]) => list.map(({ metadata }) => `${metadata.namespace}/${metadata.name}`);
    expect(names(items).sort()).toEqual(names(objects[plural] ?? []).sort());
  }
});

test('a start gives back what was taken from a default role, unless that is switched off', async () => {
  await using s = await roleServer();
  const name = 'system:basic-user';
  const change = async (annotations: object) => {
    const current = await s.admin.get(resources.clusterroles, { name });
    await s.admin.update(resources.clusterroles, {
      ...current,
      rules: [],
      metadata: { ...current.metadata, annotations: { ...current.metadata.annotations, ...annotations } },
    });
    await using _again = await s.start();
    return (await s.admin.get(resources.clusterroles, { name })).rules?.length ?? 0;
  };
  expect(await change({})).toBeGreaterThan(0);
  expect(await change({ 'rbac.authorization.kubernetes.io/autoupdate': 'false' })).toBe(0);
});

const refusal = (call: Promise<unknown>) =>
  call.then(
    () => undefined,
    ({ message }: Error) => message,
  );

test('a user may do what a role bound to the name, a group or the service account allows, and nothing else', async () => {
  await using s = await roleServer();
  const denied =
    'pods is forbidden: User "jane" cannot list resource "pods" in API group "" in the namespace "default"';
  await expect(listPods(s.as('jane'))).rejects.toThrow(denied);
  await s.make(resources.roles, podReader);
  await s.make(resources.rolebindings, bind('jane', jane));
  await s.make(resources.rolebindings, bind('ops', { ...jane, kind: 'Group', name: 'ops' }));
  await s.make(
    resources.rolebindings,
    bind('robot', { kind: 'ServiceAccount', name: 'robot', namespace: 'kube-system' }),
  );
  for (const client of [s.as('jane'), s.as('joe', 'ops'), s.as('system:serviceaccount:kube-system:robot')]) {
    await expect.poll(() => listPods(client)).toBeDefined();
    await expect(listPods(client, 'kube-system')).rejects.toThrow(/forbidden/);
    await expect(client.delete(resources.pods, { namespace: 'default', name: 'x' })).rejects.toThrow(/cannot delete/);
  }
  await s.admin.delete(resources.rolebindings, { namespace: 'default', name: 'jane' });
  await expect.poll(() => refusal(listPods(s.as('jane')))).toContain(denied);
});

test('what may be done to a namespace may be granted in it', async () => {
  await using s = await roleServer();
  const keeper = role('keeper', [{ apiGroups: [''], resources: ['namespaces'], verbs: ['get'] }]);
  await s.make(resources.roles, keeper);
  await s.make(resources.rolebindings, bind('b', jane, 'keeper'));
  const read = (name: string) => s.as('jane').get(resources.namespaces, { name });
  expect((await read('default')).metadata.name).toBe('default');
  const message =
    'namespaces "kube-system" is forbidden: User "jane" cannot get resource "namespaces" in API group "" in the namespace "kube-system"';
  await expect(read('kube-system')).rejects.toMatchObject({ code: 'Forbidden', message });
});

test('who may not ask for it is not told what there is', async () => {
  await using s = await roleServer();
  const ask = (client: KubeClient, method: 'GET' | 'PUT', path: string) =>
    client.raw({ method, path }).catch(({ status }) => status.message);
  const refused = (verb: string) =>
    `foos is forbidden: User "jane" cannot ${verb} resource "foos" in API group "" at the cluster scope`;
  expect(await ask(s.as('jane'), 'GET', '/api/v1/foos')).toBe(refused('list'));
  expect(await ask(s.as('jane'), 'GET', '/api/v1/watch/foos')).toBe(refused('watch'));
  expect(await ask(s.as('jane'), 'PUT', '/api/v1/pods')).toMatch(/^pods is forbidden: User "jane" cannot update/);
  expect(await ask(s.admin, 'GET', '/api/v1/foos')).toBe('the server could not find the requested resource');
});

test('a binding to a role that does not exist says so where something is refused', async () => {
  await using s = await roleServer();
  await s.make(resources.rolebindings, bind('jane', jane, 'gone'));
  await expect
    .poll(() => refusal(listPods(s.as('jane'))))
    .toMatch(/: RBAC: role\.rbac\.authorization\.k8s\.io "gone" not found$/);
});

test('a review says by which binding something is allowed', async () => {
  await using s = await roleServer();
  await s.make(resources.clusterrolebindings, {
    metadata: { name: 'jane-views' },
    subjects: [jane],
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'view' },
  });
  const ask = () =>
    s.as('jane').raw({
      method: 'POST',
      path: '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews',
      body: { spec: { resourceAttributes: { verb: 'list', resource: 'pods', namespace: 'default' } } },
    });
  await expect.poll(ask).toMatchObject({
    status: {
      allowed: true,
      reason: 'RBAC: allowed by ClusterRoleBinding "jane-views" of ClusterRole "view" to User "jane"',
    },
  });
});

test('nobody grants what they have not: roles, bindings and aggregation', async () => {
  await using s = await roleServer();
  await s.make(resources.clusterroles, {
    metadata: { name: 'role-writer' },
    rules: [{ apiGroups: ['rbac.authorization.k8s.io'], resources: ['*'], verbs: ['get', 'create', 'update'] }],
  });
  await s.make(resources.clusterrolebindings, {
    metadata: { name: 'jane-writes-roles' },
    subjects: [jane],
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'role-writer' },
  });
  const client = s.as('jane');
  await expect.poll(() => client.get(resources.clusterroles, { name: 'view' })).toBeDefined();
  await expect(client.create(resources.roles, podReader)).rejects.toThrow(
    'roles.rbac.authorization.k8s.io "pod-reader" is forbidden: user "jane" (groups=["system:authenticated"]) is attempting to grant RBAC permissions not currently held:\n{APIGroups:[""], Resources:["pods"], Verbs:["get" "list"]}',
  );
  await expect(client.create(resources.rolebindings, bind('me', jane, 'admin', 'ClusterRole'))).rejects.toThrow(
    /is attempting to grant RBAC permissions not currently held/,
  );
  await expect(client.create(resources.rolebindings, bind('me', jane, 'none'))).rejects.toThrow(
    'rolebindings.rbac.authorization.k8s.io "none" not found',
  );
  const aggregate = { metadata: { name: 'all' }, aggregationRule: { clusterRoleSelectors: [{}] } };
  await expect(client.create(resources.clusterroles, aggregate)).rejects.toThrow(
    /must have cluster-admin privileges to use the aggregationRule/,
  );
  await client.create(resources.rolebindings, bind('me', jane, 'role-writer', 'ClusterRole'));
  expect(await s.admin.find(resources.roles, { namespace: 'default', name: 'pod-reader' })).toBeUndefined();
});

test('a label or subject on a role or binding that holds more is refused as its rules are; what the garbage collector changes is not', async () => {
  await using s = await roleServer();
  const anyOf = (resource: string, verbs: string[], resourceNames: string[] = []) => ({
    apiGroups: ['rbac.authorization.k8s.io'],
    resources: [resource],
    verbs,
    ...(resourceNames.length > 0 && { resourceNames }),
  });
  await s.make(resources.roles, podReader);
  await s.make(resources.rolebindings, bind('all', { ...jane, name: 'bob' }));
  await s.make(
    resources.roles,
    role('role-writer', [
      anyOf('roles', ['get', 'create', 'update']),
      anyOf('rolebindings', ['get', 'update']),
      anyOf('roles', ['escalate'], ['named']),
    ]),
  );
  await s.make(resources.rolebindings, bind('jane-writes-roles', jane, 'role-writer'));
  const client = s.as('jane');
  const about = { namespace: 'default', name: 'pod-reader' };
  await expect.poll(() => client.get(resources.roles, about)).toBeDefined();
  const reader = await client.get(resources.roles, about);
  const binding = await client.get(resources.rolebindings, { namespace: 'default', name: 'all' });
  const more = /attempting to grant RBAC permissions not currently held/;
  const labelled = <T extends KubeObject>(object: T): T => ({
    ...object,
    metadata: { ...object.metadata, labels: { 'rbac.authorization.k8s.io/aggregate-to-edit': 'true' } },
  });
  await expect(client.update(resources.roles, labelled(reader))).rejects.toThrow(more);
  await expect(client.update(resources.rolebindings, labelled(binding))).rejects.toThrow(more);
  const held = { ...reader, metadata: { ...reader.metadata, finalizers: ['example.com/held'] } };
  const changed = await client.update(resources.roles, held);
  expect(changed.metadata.finalizers).toEqual(['example.com/held']);
  await expect(client.create(resources.roles, { ...podReader, metadata: { ...about, name: 'named' } })).rejects.toThrow(
    more,
  );
  await client.update(resources.roles, { ...podReader, metadata: { ...about, name: 'named' } } as never);
});
