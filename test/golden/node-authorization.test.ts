import { JwtTokens } from '../../orchestrator/src/index.ts';
import { generateKeyPairSync } from 'node:crypto';
import { systemClock, systemRng } from '@berth/kit';
import { expect, test } from 'vitest';
import { anApiServer, type Exchange, type Pair } from '../harness/api-server.ts';

/** The words below are upstream's (plugin/pkg/auth/authorizer/node, plugin/pkg/admission/noderestriction). */

async function aWorld() {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const tokens = new JwtTokens({
    issuer: 'https://kubernetes.default.svc.cluster.local',
    privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    clock: systemClock,
    rng: systemRng,
  });
  const api = await anApiServer({ more: { authorizationModes: ['Node', 'RBAC'], tokens } });
  const nodes = new Map<string, Pair>();
  for (const name of ['n1', 'n2'])
    nodes.set(name, await api.authority.issue(`CN=system:node:${name}, O=system:nodes`, 'client'));
  const send = async (exchange: Exchange) => {
    const reply = await api.send({ contentType: 'application/json', ...exchange });
    return { status: reply.status, json: JSON.parse(reply.text) };
  };
  const as = (node: string) => (method: string, path: string, body?: object, contentType = 'application/json') =>
    send({ method, path, body, contentType, certificate: nodes.get(node) as Pair });
  const make = async (path: string, body: object) => {
    const { status, json } = await send({ method: 'POST', path, body });
    expect(status, json.message).toBe(201);
    return json;
  };
  const core = '/api/v1/namespaces/default';
  await make(`${core}/serviceaccounts`, { metadata: { name: 'default' } });
  return { api, send, as, make, core, [Symbol.asyncDispose]: () => api[Symbol.asyncDispose]() };
}

function aPod(name: string, nodeName: string, volumes: object[]) {
  const volume = (one: object, index: number) => ({ name: `v${index}`, ...one });
  return {
    metadata: { name },
    spec: { nodeName, containers: [{ name: 'c', image: 'i' }], volumes: volumes.map(volume) },
  };
}

test('a node reads what its own pods name, and nothing else', async () => {
  await using world = await aWorld();
  const { core, make, as } = world;
  const listed = await as('n1')('POST', '/apis/authorization.k8s.io/v1/selfsubjectrulesreviews', { spec: { namespace: 'default' } });
  expect(listed.json.status).toMatchObject({
    incomplete: true,
    evaluationError: 'node authorizer does not support user rule resolution',
  });
  for (const name of ['mine', 'others', 'staged']) await make(`${core}/secrets`, { metadata: { name } });
  await make(`${core}/persistentvolumeclaims`, {
    metadata: { name: 'claim' },
    spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } }, volumeName: 'pv' },
  });
  await make('/api/v1/persistentvolumes', {
    metadata: { name: 'pv' },
    spec: {
      capacity: { storage: '1Gi' },
      accessModes: ['ReadWriteOnce'],
      claimRef: { namespace: 'default', name: 'claim' },
      csi: { driver: 'd', volumeHandle: 'h', nodeStageSecretRef: { name: 'staged', namespace: 'default' } },
    },
  });
  const get = async (node: string, path: string) => {
    const { status, json } = await as(node)('GET', path);
    return status === 200 ? 200 : json.message;
  };
  const none = "no relationship found between node 'n1' and this object";
  expect(await get('n1', `${core}/secrets/mine`)).toBe(
    `secrets "mine" is forbidden: User "system:node:n1" cannot get resource "secrets" in API group "" in the namespace "default": ${none}`,
  );
  await make(`${core}/pods`, aPod('p', 'n1', [{ secret: { secretName: 'mine' } }, { persistentVolumeClaim: { claimName: 'claim' } }]));
  await expect.poll(() => get('n1', `${core}/secrets/mine`)).toBe(200);
  for (const path of [`${core}/pods/p`, `${core}/persistentvolumeclaims/claim`, '/api/v1/persistentvolumes/pv', `${core}/secrets/staged`, `${core}/serviceaccounts/default`, `${core}/pods?fieldSelector=spec.nodeName%3Dn1`, `${core}/secrets?fieldSelector=metadata.name%3Dmine`])
    expect([path, await get('n1', path)]).toEqual([path, 200]);
  for (const path of [`${core}/secrets/others`, `${core}/secrets`, `${core}/pods`, '/api/v1/nodes', '/api/v1/nodes/n2'])
    expect(await get('n1', path)).toMatch(/is forbidden/);
  for (const path of [`${core}/secrets/mine`, `${core}/pods/p`, '/api/v1/persistentvolumes/pv', `${core}/secrets/staged`])
    expect(await get('n2', path)).toMatch(/is forbidden/);
  expect(await get('n1', '/api/v1/nodes')).toMatch(/node 'n1' cannot read all nodes, only its own Node object$/);
  expect(await get('n1', '/api/v1/services')).toBe(200);
  await world.send({ method: 'DELETE', path: `${core}/pods/p?gracePeriodSeconds=0` });
  await expect.poll(() => get('n1', `${core}/secrets/staged`)).toMatch(new RegExp(`${none}$`));
  expect(await get('n1', '/api/v1/persistentvolumes/pv')).toMatch(new RegExp(`${none}$`));
});

test('a node registers itself, and neither another one nor with labels that steer pods', async () => {
  await using world = await aWorld();
  const { as } = world;
  const node = (name: string, labels: object = {}) => ({ metadata: { name, labels } });
  const message = async (...asked: Parameters<ReturnType<typeof as>>) => (await as('n1')(...asked)).json.message;
  expect(await message('POST', '/api/v1/nodes', node('n2'))).toBe('nodes "n2" is forbidden: node "n1" is not allowed to modify node "n2"');
  expect(await message('POST', '/api/v1/nodes', node('n1', { 'node-restriction.kubernetes.io/x': 'y', 'foo.k8s.io/z': '1' }))).toBe(
    'nodes "n1" is forbidden: node "n1" is not allowed to set the following labels: foo.k8s.io/z, node-restriction.kubernetes.io/x',
  );
  const own = { 'kubernetes.io/hostname': 'n1', 'x.node.kubernetes.io/a': 'b', mine: 'yes' };
  expect((await as('n1')('POST', '/api/v1/nodes', node('n1', own))).status).toBe(201);
  const merge = (body: object) => message('PATCH', '/api/v1/nodes/n1', body, 'application/merge-patch+json');
  expect(await merge({ spec: { taints: [{ key: 'a', effect: 'NoSchedule' }] } })).toBe('nodes "n1" is forbidden: node "n1" is not allowed to modify taints');
  expect(await merge({ metadata: { labels: { 'kubernetes.io/role': 'x' } } })).toBe('nodes "n1" is forbidden: is not allowed to modify labels: kubernetes.io/role');
  expect(await merge({ metadata: { labels: { mine: 'no' } } })).toBeUndefined();
  expect((await as('n2')('PATCH', '/api/v1/nodes/n1/status', { status: {} }, 'application/merge-patch+json')).json.message).toBe(
    'nodes "n1" is forbidden: node "n2" is not allowed to modify node "n1"',
  );
  const lease = (name: string) => ({ metadata: { name }, spec: {} });
  const leases = '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases';
  expect(await message('POST', leases, lease('n2'))).toBe(
    'leases.coordination.k8s.io "n2" is forbidden: can only access node lease with the same name as the requesting node',
  );
  expect((await as('n1')('POST', leases, lease('n1'))).status).toBe(201);
});

test('a node makes mirror pods, ends its own pods, and evicts them', async () => {
  await using world = await aWorld();
  const { as, core, make } = world;
  const registered = (await as('n1')('POST', '/api/v1/nodes', { metadata: { name: 'n1' } })).json;
  const create = async (change: object) => (await as('n1')('POST', `${core}/pods`, change)).json.message;
  const mirror = (uid: string, spec: object = {}) => ({
    metadata: {
      name: 'static-n1',
      annotations: { 'kubernetes.io/config.mirror': 'x' },
      ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name: 'n1', uid, controller: true }],
    },
    spec: { nodeName: 'n1', containers: [{ name: 'c', image: 'i' }], ...spec },
  });
  expect(await create(aPod('p', 'n1', []))).toBe(
    'pods "p" is forbidden: pod does not have "kubernetes.io/config.mirror" annotation, node "n1" can only create mirror pods',
  );
  expect(await create(mirror('x'))).toBe(
    `pods "static-n1" is forbidden: node n1 UID mismatch: expected x got ${registered.metadata.uid}`,
  );
  const withSecret = { volumes: [{ name: 'v', secret: { secretName: 's' } }] };
  expect(await create(mirror(registered.metadata.uid, withSecret))).toMatch(/mirror pod|can not create pods that reference secrets$/);
  expect(await create(mirror(registered.metadata.uid))).toBeUndefined();
  await make(`${core}/pods`, aPod('away', 'n2', []));
  expect((await as('n1')('DELETE', `${core}/pods/away`)).json.message).toBe(
    'pods "away" is forbidden: node "n1" can only delete pods with spec.nodeName set to itself',
  );
  const eviction = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: 'away', namespace: 'default' } };
  expect((await as('n1')('POST', `${core}/pods/away/eviction`, eviction)).json.message).toBe(
    'pods "away" is forbidden: node n1 can only evict pods with spec.nodeName set to itself',
  );
  const status = { status: { phase: 'Running' } };
  expect((await as('n1')('PATCH', `${core}/pods/away/status`, status, 'application/merge-patch+json')).json.message).toBe(
    'pods "away" is forbidden: node "n1" can only update pod status for pods with spec.nodeName set to itself',
  );
  const gone = await as('n1')('POST', `${core}/pods/gone/eviction`, { ...eviction, metadata: { name: 'gone' } });
  expect(gone.json).toMatchObject({ code: 404, message: 'pod "gone" not found', details: { name: 'gone', kind: 'pod' } });
  expect((await as('n2')('DELETE', `${core}/pods/away?gracePeriodSeconds=0`)).status).toBe(200);
});

test('a node gets tokens for its pods, for audiences they name', async () => {
  await using world = await aWorld();
  const { as, core, make } = world;
  const projected = { projected: { sources: [{ serviceAccountToken: { path: 't', audience: 'vault' } }] } };
  const pod = await make(`${core}/pods`, aPod('p', 'n1', [projected]));
  const ask = async (node: string, spec: object) =>
    (await as(node)('POST', `${core}/serviceaccounts/default/token`, { spec })).json.message;
  const ref = { apiVersion: 'v1', kind: 'Pod', name: 'p', uid: pod.metadata.uid };
  await expect.poll(() => ask('n1', { audiences: ['vault'], boundObjectRef: ref })).toBeUndefined();
  expect(await ask('n1', {})).toBe('serviceaccounts "default" is forbidden: node requested token not bound to a pod');
  expect(await ask('n1', { audiences: ['other'], boundObjectRef: ref })).toBe(
    'serviceaccounts "default" is forbidden: audience "other" not found in pod spec volume, system:node:n1 is not authorized to request tokens for this audience',
  );
  expect(await ask('n1', { boundObjectRef: { ...ref, name: 'gone' } })).toBe('pod "gone" not found');
  expect(await ask('n2', { audiences: ['vault'], boundObjectRef: ref })).toMatch(/no relationship found between node 'n2' and this object$/);
});

test('what a pod has volumes of and is not there is told to the node that asks for another audience', async () => {
  await using world = await aWorld();
  const { as, core, make } = world;
  const csi = { csi: { driver: 'd.io' } };
  const claim = { persistentVolumeClaim: { claimName: 'gone' } };
  const pod = await make(`${core}/pods`, aPod('p', 'n1', [csi, claim]));
  const boundObjectRef = { apiVersion: 'v1', kind: 'Pod', name: 'p', uid: pod.metadata.uid };
  const ask = async () =>
    (await as('n1')('POST', `${core}/serviceaccounts/default/token`, { spec: { audiences: ['vault'], boundObjectRef } })).json.message;
  const refused = 'serviceaccounts "default" is forbidden: error validating audience "vault": ';
  await expect
    .poll(ask)
    .toBe(`${refused}[csidriver.storage.k8s.io "d.io" not found, persistentvolumeclaim "gone" not found]`);
  await make('/apis/storage.k8s.io/v1/csidrivers', { metadata: { name: 'd.io' }, spec: { tokenRequests: [{ audience: 'vault' }] } });
  await expect.poll(ask).toBeUndefined();
});
