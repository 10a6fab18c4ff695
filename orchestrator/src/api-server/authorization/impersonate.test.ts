import { expect, test } from 'vitest';
import { type Attributes, type Authorizer, noRules } from '../authorizer.ts';
import type { User } from '../user.ts';
import { type Impersonation, impersonated, type LastModes } from './impersonate.ts';

const alice: User = { name: 'alice', groups: ['system:authenticated'] };
const agent: User = {
  name: 'system:serviceaccount:kube-system:agent',
  groups: ['system:serviceaccounts'],
  extra: { 'authentication.kubernetes.io/node-name': ['n1'], 'authentication.kubernetes.io/pod-name': ['p'] },
};

/** Whom `caller` acts as when it lists pods; `may` has what it may do, as VERB RESOURCE[/SUBRESOURCE].GROUP NAME. */
async function acting(
  may: readonly string[],
  headers: readonly string[],
  { caller = alice, lastModes = new Map() }: { caller?: User; lastModes?: LastModes } = {},
) {
  const asked: Attributes[] = [];
  const authorizer: Authorizer = {
    authorize: async (attributes) => {
      asked.push(attributes);
      const { verb, resource, subresource, group, name } = attributes;
      const what = `${verb} ${resource}${subresource && `/${subresource}`}.${group} ${name}`.trim();
      return { allowed: may.includes(what), reason: '' };
    },
    rulesFor: () => noRules,
  };
  const of = { namespace: 'imp', group: '', version: 'v1', resource: 'pods', subresource: '', name: '', path: '' };
  const result = await impersonated({ user: caller, verb: 'list', ...of }, headers, { authorizer, lastModes }).catch(
    (error: Error) => error.message,
  );
  return { result, asked };
}

const listing = (mode: string) => `impersonate-on:${mode}:list pods.`;
const asJane = ['Impersonate-User', 'jane'];
const jane = 'impersonate:user-info users.authentication.k8s.io jane';

test('who may act as a user for a request alone does so, and it is known by which verb', async () => {
  const { result } = await acting([listing('user-info'), jane], asJane);
  expect(result).toEqual({
    user: { name: 'jane', groups: ['system:authenticated'] },
    constraint: 'impersonate:user-info',
  });
});

test('of the ways in which a user was allowed to act as somebody, the last is tried first', async () => {
  const lastModes = new Map();
  const may = [listing('user-info'), jane, 'impersonate users. jane', 'impersonate groups. g'];
  const first = await acting(may, asJane, { lastModes });
  const old = await acting(may, [...asJane, 'Impersonate-Group', 'g'], { lastModes });
  const then = await acting(may, asJane, { lastModes });
  expect([first, old, then].map(({ result }) => (result as Impersonation).constraint)).toEqual([
    'impersonate:user-info',
    undefined,
    undefined,
  ]);
  expect(then.asked.map(({ verb }) => verb)).toEqual(['impersonate']);
  expect((await acting([listing('user-info'), jane], asJane, { lastModes })).result).toEqual(first.result);
});

test('who may act as a user whatever is asked for needs nothing else', async () => {
  const { result } = await acting(['impersonate users. jane'], asJane);
  expect(result).toEqual({ user: { name: 'jane', groups: ['system:authenticated'] } });
});

// Words are kube-apiserver 1.36.3's.
test.each([
  [
    [],
    [],
    'pods is forbidden: User "alice" cannot impersonate-on:user-info:list resource "pods" in API group "" in the namespace "imp"',
  ],
  [
    [listing('user-info')],
    [],
    'users.authentication.k8s.io "jane" is forbidden: User "alice" cannot impersonate:user-info resource "users" in API group "authentication.k8s.io" at the cluster scope',
  ],
  [
    [listing('user-info'), jane],
    ['Impersonate-Group', 'g2'],
    'groups.authentication.k8s.io "g2" is forbidden: User "alice" cannot impersonate:user-info resource "groups" in API group "authentication.k8s.io" at the cluster scope',
  ],
  [
    [listing('user-info'), jane, 'impersonate:user-info groups.authentication.k8s.io system:masters'],
    ['Impersonate-Group', 'system:masters'],
    'groups.authentication.k8s.io "system:masters" is forbidden: User "alice" cannot impersonate:user-info resource "groups" in API group "authentication.k8s.io" at the cluster scope: impersonating the system:masters group is not allowed',
  ],
  [
    [listing('user-info'), jane],
    ['Impersonate-Group', ''],
    'groups.authentication.k8s.io is forbidden: User "alice" cannot impersonate:user-info resource "groups" in API group "authentication.k8s.io" at the cluster scope: impersonating the empty string group is not allowed',
  ],
  [
    [listing('user-info'), jane],
    ['Impersonate-Extra-k', 'v'],
    'userextras.authentication.k8s.io is forbidden: User "alice" cannot impersonate:user-info resource "userextras" in API group "authentication.k8s.io" at the cluster scope: impersonating an invalid key in extra is not allowed: extra.key: Invalid value: "k": must be a domain-prefixed path (such as "acme.io/foo")',
  ],
])('with %j, %j is refused', async (may, headers, message) => {
  expect((await acting(may as string[], [...asJane, ...(headers as string[])])).result).toBe(message);
});

test('many groups are allowed at once, and plain impersonation asks for each', async () => {
  const headers = [...asJane, ...['a', 'b', 'c', 'd'].flatMap((group) => ['Impersonate-Group', group])];
  const all = 'impersonate:user-info groups.authentication.k8s.io *';
  expect((await acting([listing('user-info'), jane, all], headers)).result).toMatchObject({
    user: { groups: ['a', 'b', 'c', 'd', 'system:authenticated'] },
  });
  expect((await acting(['impersonate users. jane', 'impersonate groups. *'], headers)).result).toContain('forbidden');
});

test('nodes and service accounts bring their groups, and are had with no others in that way', async () => {
  const asNode = ['Impersonate-User', 'system:node:n1'];
  const may = [listing('arbitrary-node'), 'impersonate:arbitrary-node nodes.authentication.k8s.io n1'];
  expect((await acting(may, asNode)).result).toEqual({
    user: { name: 'system:node:n1', groups: ['system:nodes', 'system:authenticated'] },
    constraint: 'impersonate:arbitrary-node',
  });
  expect((await acting(may, [...asNode, 'Impersonate-Group', 'g'])).result).toContain('cannot impersonate resource');
  const asAccount = ['Impersonate-User', 'system:serviceaccount:a:b'];
  const account = [listing('serviceaccount'), 'impersonate:serviceaccount serviceaccounts.authentication.k8s.io b'];
  expect((await acting(account, asAccount)).result).toMatchObject({
    user: { groups: ['system:serviceaccounts', 'system:serviceaccounts:a', 'system:authenticated'] },
  });
});

test('a pod acts as its own node by a permission that names none, and as another only by one for that', async () => {
  const may = [listing('associated-node'), 'impersonate:associated-node nodes.authentication.k8s.io *'];
  const { result, asked } = await acting(may, ['Impersonate-User', 'system:node:n1'], { caller: agent });
  expect(result).toMatchObject({ user: { name: 'system:node:n1' }, constraint: 'impersonate:associated-node' });
  const keys = ['authentication.kubernetes.io/node-name', 'authentication.kubernetes.io/pod-name'];
  for (const { user } of asked)
    expect(user.extra).toEqual({ 'authentication.kubernetes.io/associated-node-keys': keys });
  expect((await acting(may, ['Impersonate-User', 'system:node:n2'], { caller: agent })).result).toContain(
    'cannot impersonate-on:arbitrary-node:list',
  );
});
