import { networkInterfaces } from 'node:os';
import { expect, test } from 'vitest';
import { anApiServer, anAuthority, type Exchange } from '../harness/api-server.ts';
import { aFile } from '../harness/kubeconfig-file.ts';
import { type Answerer, aWebhookServer } from '../harness/webhook-server.ts';

/** Groups that another server serves, through this one (kube-aggregator). */
const address = Object.values(networkInterfaces())
  .flatMap((list) => list ?? [])
  .find(({ family, internal }) => family === 'IPv4' && !internal)?.address;
const root = '/apis/metrics.example.com/v1';
const list = {
  kind: 'APIResourceList',
  apiVersion: 'v1',
  groupVersion: 'metrics.example.com/v1',
  resources: [
    { name: 'loads', singularName: 'load', namespaced: true, kind: 'Load', verbs: ['get', 'list'], shortNames: ['ld'] },
    { name: 'loads/peak', singularName: '', namespaced: true, kind: 'Peak', verbs: ['get'] },
  ],
};

async function aWorld(answer: Answerer) {
  const proxies = await anAuthority('CN=front-proxy');
  const proxyClient = await proxies.issue('CN=aggregator', 'client');
  const remote = await aWebhookServer((asked, response) => (asked.path === root ? list : answer(asked, response)), {
    names: ['metrics.default.svc'],
    address: '0.0.0.0',
    tls: { requestCert: true, ca: proxies.cert, rejectUnauthorized: true },
  });
  using tokens = aFile('jane-token,jane,7,devs\n');
  const api = await anApiServer({ authentication: { tokenAuthFile: tokens.path }, more: { proxyClient } });
  const send = async (exchange: Exchange) => {
    const reply = await api.send({ contentType: 'application/json', ...exchange });
    return { ...reply, json: reply.text.startsWith('{') ? JSON.parse(reply.text) : undefined };
  };
  const make = async (path: string, body: object) => expect(await send({ method: 'POST', path, body })).toMatchObject({ status: 201 });
  const spec = { group: 'metrics.example.com', version: 'v1', groupPriorityMinimum: 100, versionPriority: 10 };
  const service = { namespace: 'default', name: 'metrics', port: 443 };
  const path = '/apis/apiregistration.k8s.io/v1/apiservices';
  await make(path, { metadata: { name: 'v1.metrics.example.com' }, spec: { ...spec, service, caBundle: remote.caBundle } });
  const condition = async () => {
    const { json } = await send({ method: 'GET', path: `${path}/v1.metrics.example.com` });
    const { status, reason, message } = json.status?.conditions?.[0] ?? {};
    return [status, reason, message];
  };
  const serve = async () => {
    const ports = [{ name: 'https', port: remote.port }];
    await make('/api/v1/namespaces/default/services', { metadata: { name: 'metrics' }, spec: { ports: [{ name: 'https', port: 443 }] } });
    await make('/api/v1/namespaces/default/endpoints', { metadata: { name: 'metrics' }, subsets: [{ addresses: [{ ip: address }], ports }] });
    await expect.poll(condition, { timeout: 10_000 }).toEqual(['True', 'Passed', 'all checks passed']);
  };
  return {
    api,
    remote,
    send,
    make,
    condition,
    serve,
    async [Symbol.asyncDispose]() {
      await api[Symbol.asyncDispose]();
      await remote[Symbol.asyncDispose]();
    },
  };
}

test.skipIf(!address)('an APIService is available when its server answers, and is found by clients then', async () => {
  await using world = await aWorld(() => ({ kind: 'LoadList', items: [] }));
  await expect.poll(world.condition).toEqual(['False', 'ServiceNotFound', 'service/metrics in "default" is not present']);
  expect(await world.send({ method: 'GET', path: `${root}/namespaces/default/loads` })).toMatchObject({ status: 503, text: 'service unavailable\n' });
  await world.serve();
  const { json } = await world.send({ method: 'GET', path: '/apis' });
  const groupVersion = 'metrics.example.com/v1';
  expect(json.groups.at(-1)).toEqual({
    name: 'metrics.example.com',
    versions: [{ groupVersion, version: 'v1' }],
    preferredVersion: { groupVersion, version: 'v1' },
  });
  const accept = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';
  const aggregated = await world.send({ method: 'GET', path: '/apis', accept });
  expect(aggregated.json.items.length).toBe(json.groups.length);
  expect(aggregated.json.items.at(-1)).toEqual({
    metadata: { name: 'metrics.example.com' },
    versions: [
      {
        version: 'v1',
        resources: [
          {
            resource: 'loads',
            responseKind: { group: 'metrics.example.com', version: 'v1', kind: 'Load' },
            scope: 'Namespaced',
            singularResource: 'load',
            verbs: ['get', 'list'],
            shortNames: ['ld'],
            subresources: [{ subresource: 'peak', responseKind: { group: 'metrics.example.com', version: 'v1', kind: 'Peak' }, verbs: ['get'] }],
          },
        ],
        freshness: 'Current',
      },
    ],
  });
  expect((await world.send({ method: 'GET', path: root })).json).toEqual(list);
  expect((await world.send({ method: 'GET', path: '/apis/metrics.example.com' })).json).toMatchObject({ kind: 'APIGroup', name: 'metrics.example.com' });
});

test.skipIf(!address)('requests go through as their user, whose rights are asked for here', async () => {
  await using world = await aWorld(({ path, body }, response) => {
    if (path.includes('bad')) return void response.writeHead(409, { 'x-own': 'yes', 'content-type': 'text/plain' }).end('no');
    return { path, body };
  });
  await world.serve();
  const jane = (method: string, path: string, body?: object) =>
    world.send({ method, path: `${root}/namespaces/default/${path}`, body, certificate: false, headers: { authorization: 'Bearer jane-token' } });
  const refused = await jane('GET', 'loads');
  expect([refused.status, refused.json.message]).toEqual([
    403,
    'loads.metrics.example.com is forbidden: User "jane" cannot list resource "loads" in API group "metrics.example.com" in the namespace "default"',
  ]);
  const rbac = '/apis/rbac.authorization.k8s.io/v1/namespaces/default';
  await world.make(`${rbac}/roles`, { metadata: { name: 'r' }, rules: [{ apiGroups: ['metrics.example.com'], resources: ['loads'], verbs: ['*'] }] });
  const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'r' };
  await world.make(`${rbac}/rolebindings`, { metadata: { name: 'b' }, roleRef, subjects: [{ kind: 'Group', name: 'devs', apiGroup: 'rbac.authorization.k8s.io' }] });
  await expect.poll(async () => (await jane('GET', 'loads?limit=5')).status).toBe(200);
  const { json } = await jane('POST', 'loads?dryRun=All', { a: 1 });
  expect(json).toEqual({ path: `${root}/namespaces/default/loads?dryRun=All`, body: { a: 1 } });
  const { headers } = world.remote.asked.at(-1) as (typeof world.remote.asked)[number];
  expect(headers).toMatchObject({ 'x-remote-user': 'jane', 'x-remote-uid': '7', 'x-remote-group': 'devs, system:authenticated' });
  expect(headers.authorization).toBeUndefined();
  expect(await jane('GET', 'loads/bad')).toMatchObject({ status: 409, text: 'no', headers: { 'x-own': 'yes' } });
});

test.skipIf(!address)('a server that hangs up is told of, and an answer that does not end is cut off with its client', async () => {
  let open = 0;
  await using world = await aWorld(({ path }, response) => {
    if (path.includes('hang')) return void response.destroy();
    open++;
    response.once('close', () => open--);
    response.write('{"type":"ADDED"}\n');
    return undefined;
  });
  await world.serve();
  const hung = await world.send({ method: 'GET', path: `${root}/namespaces/default/loads/hang` });
  expect([hung.status, hung.text]).toEqual([503, expect.stringMatching(/EOF\n$/)]);
  const end = new AbortController();
  const lines: string[] = [];
  const path = `${root}/namespaces/default/loads?watch=true`;
  const watching = world.api.stream({ method: 'GET', path }, (line) => lines.push(line), end.signal).catch(() => undefined);
  await expect.poll(() => lines).toEqual(['{"type":"ADDED"}']);
  expect(open).toBe(1);
  end.abort();
  await watching;
  await expect.poll(() => open).toBe(0);
});
