import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { connect as connectHttp2 } from 'node:http2';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { connect, type TLSSocket } from 'node:tls';
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { anApiServer, anAuthority, type Exchange, type Pair } from '../harness/api-server.ts';
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
  const pair = await proxies.issue('CN=aggregator', 'client');
  const folder = mkdtempSync(join(tmpdir(), 'berth-aggregation-'));
  const files = { cert: join(folder, 'proxy.crt'), key: join(folder, 'proxy.key') };
  const put = ({ cert, key }: Pair) => {
    writeFileSync(files.cert, cert);
    writeFileSync(files.key, key);
  };
  put(pair);
  const proxyClient = { ...pair, files };
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
    await expect.poll(condition).toEqual(['True', 'Passed', 'all checks passed']);
  };
  return {
    api,
    remote,
    proxies,
    put,
    send,
    make,
    condition,
    serve,
    async [Symbol.asyncDispose]() {
      await api[Symbol.asyncDispose]();
      await remote[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true });
    },
  };
}

test.skipIf(!address)('another certificate for servers behind APIServices counts from then on', async () => {
  const shown = new Set<string>();
  await using world = await aWorld((_, { socket }) => {
    shown.add((socket as TLSSocket).getPeerCertificate().subject.CN as string);
    return { kind: 'LoadList', items: [] };
  });
  await world.serve();
  const lists = () => world.send({ method: 'GET', path: `${root}/namespaces/default/loads` });
  expect(await lists()).toMatchObject({ status: 200 });
  expect([...shown]).toEqual(['aggregator']);
  world.put(await world.proxies.issue('CN=renewed', 'client'));
  await expect.poll(async () => (await lists(), [...shown])).toEqual(['aggregator', 'renewed']);
  // A connection that was kept shows no more who its client was before.
  shown.clear();
  await lists();
  expect([...shown]).toEqual(['renewed']);
  // One that the server does not know: it is asked at once whether it answers yet.
  world.put(await (await anAuthority('CN=others')).issue('CN=stranger', 'client'));
  await expect.poll(async () => (await world.condition()).slice(0, 2)).toEqual(['False', 'FailedDiscoveryCheck']);
});

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
  // Another version of a group that is served here.
  const service = { namespace: 'default', name: 'none' };
  await world.make('/apis/apiregistration.k8s.io/v1/apiservices', { metadata: { name: 'v9.apps' }, spec: { group: 'apps', version: 'v9', groupPriorityMinimum: 1, versionPriority: 1, service } });
  const apps = { name: 'apps', versions: [{ version: 'v1' }, { version: 'v9' }], preferredVersion: { version: 'v1' } };
  await expect.poll(async () => (await world.send({ method: 'GET', path: '/apis/apps' })).json).toMatchObject(apps);
  expect((await world.send({ method: 'GET', path: '/apis' })).json.groups).toContainEqual(expect.objectContaining({ name: 'apps', versions: [expect.anything(), expect.objectContaining({ version: 'v9' })] }));
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
  // A resource without a name is one all the same: who may discover what is served may not read it.
  for (const path of ['//loads', '//namespaces/default/loads', '///loads']) {
    const nameless = await world.send({ method: 'GET', path: `${root}${path}`, certificate: false, headers: { authorization: 'Bearer jane-token' } });
    expect([nameless.status, nameless.json.message]).toEqual([403, expect.stringMatching(/^\.metrics\.example\.com .*User "jane" cannot \w+ resource "[^"]*" in API group/)]);
  }
  expect(world.remote.asked.filter(({ path }) => path !== root)).toEqual([]);
  const rbac = '/apis/rbac.authorization.k8s.io/v1/namespaces/default';
  await world.make(`${rbac}/roles`, { metadata: { name: 'r' }, rules: [{ apiGroups: ['metrics.example.com'], resources: ['loads'], verbs: ['*'] }] });
  const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'r' };
  await world.make(`${rbac}/rolebindings`, { metadata: { name: 'b' }, roleRef, subjects: [{ kind: 'Group', name: 'devs', apiGroup: 'rbac.authorization.k8s.io' }] });
  await expect.poll(async () => (await jane('GET', 'loads?limit=5')).status).toBe(200);
  const { json } = await jane('POST', 'loads?dryRun=All', { a: 1 });
  expect(json).toEqual({ path: `${root}/namespaces/default/loads?dryRun=All`, body: { a: 1 } });
  // It is nothing to this server, and may be to that one.
  expect((await jane('GET', 'loads', { b: 1 })).json).toEqual({ path: `${root}/namespaces/default/loads`, body: { b: 1 } });
  const { headers } = world.remote.asked.at(-1) as (typeof world.remote.asked)[number];
  expect(headers).toMatchObject({ 'x-remote-user': 'jane', 'x-remote-uid': '7', 'x-remote-group': 'devs, system:authenticated' });
  expect(headers.authorization).toBeUndefined();
  // As kube-apiserver's, which tells the address it asks, not the one that was asked.
  const host = `${address}:${world.remote.port}`;
  expect(headers).toMatchObject({ 'x-forwarded-uri': `${root}/namespaces/default/loads`, 'x-forwarded-host': host, 'x-forwarded-proto': 'https', 'x-forwarded-for': '127.0.0.1' });
  // What is behind is asked for what was authorized here, however it was escaped.
  expect((await jane('GET', '%6Coads/a%20b/?z=1&a=%7E*')).json.path).toBe(`${root}/namespaces/default/loads/a%20b/?a=~%2A&z=1`);
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

/** Who asks first waits a moment for what another server has, and on a busy machine finds it the next time. */
async function untilIn(world: Awaited<ReturnType<typeof aWorld>>, path: string, part: 'paths' | 'definitions', name: string) {
  let answer: Awaited<ReturnType<typeof world.send>> | undefined;
  const told = async () => (answer = await world.send({ method: 'GET', path })).json[part];
  await expect.poll(told).toHaveProperty([name]);
  return answer ?? expect.unreachable();
}

const schema = { type: 'object', properties: { spec: { $ref: '#/definitions/com.example.Spec' } } };
const kinds = [{ group: 'metrics.example.com', version: 'v1', kind: 'Load' }];
const ref = { $ref: '#/definitions/com.example.Load' };
const patch = {
  parameters: [
    { in: 'body', name: 'body', required: true, schema: ref },
    { in: 'query', name: 'dryRun', type: 'string', uniqueItems: true },
  ],
  responses: { 200: { description: 'OK', schema: ref } },
  'x-kubernetes-action': 'patch',
  'x-kubernetes-group-version-kind': kinds[0],
};
const swagger = {
  swagger: '2.0',
  info: { title: 'Loads', version: '1' },
  paths: { [`${root}/namespaces/{namespace}/loads/{name}`]: { patch }, '/apis/apps/v1/': { get: {} }, '/evil': {} },
  definitions: {
    'com.example.Load': { ...schema, 'x-kubernetes-group-version-kind': kinds },
    'com.example.Spec': { type: 'object', properties: { self: ref, meta: { $ref: '#/definitions/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta' } } },
    'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta': { type: 'object', description: 'another one' },
    'com.example.Unused': { type: 'object' },
  },
};

test.skipIf(!address)('schemas of another server are found among the server’s own', async () => {
  const v3 = { openapi: '3.0.0', components: { schemas: { 'com.example.Load': {} } } };
  await using world = await aWorld(({ path, headers }, response) => {
    if (path === '/openapi/v3')
      return { paths: { 'apis/metrics.example.com/v1': { serverRelativeURL: '/openapi/v3/apis/metrics.example.com/v1?hash=AB12' }, 'apis/apps/v1': { serverRelativeURL: 'https://evil.example.com' } } };
    if (path === '/openapi/v3/apis/metrics.example.com/v1?hash=old') return void response.writeHead(301, { location: `${path}er` }).end();
    if (path === '/openapi/v2') return swagger;
    response.setHeader('etag', '"AB12"');
    return headers['if-none-match'] === '"AB12"' ? void response.writeHead(304).end() : v3;
  });
  await world.serve();
  const get = (path: string, headers = {}) => world.send({ method: 'GET', path, headers });
  const { paths } = (await untilIn(world, '/openapi/v3', 'paths', 'apis/metrics.example.com/v1')).json;
  expect(paths['apis/metrics.example.com/v1'].serverRelativeURL).toBe('/openapi/v3/apis/metrics.example.com/v1?hash=AB12');
  expect(paths['apis/apps/v1'].serverRelativeURL).toMatch(/^\/openapi\/v3\/apis\/apps\/v1\?hash=/);
  const document = await get('/openapi/v3/apis/metrics.example.com/v1?hash=AB12');
  expect(document).toMatchObject({ status: 200, json: v3, headers: { etag: '"AB12"' } });
  expect((await get('/openapi/v3/apis/metrics.example.com/v1', { 'if-none-match': '"AB12"' })).status).toBe(304);
  // An address from before the server's schemas changed.
  expect((await get('/openapi/v3/apis/metrics.example.com/v1?hash=old')).json).toEqual(v3);

  const merged = await untilIn(world, '/openapi/v2', 'definitions', 'com.example.Load');
  expect(merged.headers['etag']).toMatch(/^"[0-9A-F]{128}"$/);
  const { definitions, paths: all } = merged.json;
  expect(all[`${root}/namespaces/{namespace}/loads/{name}`]).toEqual({ patch });
  expect(all['/evil'] ?? definitions['com.example.Unused']).toBeUndefined();
  // It is this server's own.
  expect(all['/apis/apps/v1/'].get.operationId).toBe('getAppsV1APIResources');
  const meta = 'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta';
  expect(definitions['com.example.Spec'].properties.meta).toEqual({ $ref: `#/definitions/${meta}_v2` });
  expect(definitions[`${meta}_v2`]).toEqual({ type: 'object', description: 'another one' });
  expect(definitions['io.k8s.api.core.v1.Pod']).toBeDefined();
  const accept = 'application/com.github.proto-openapi.spec.v2@v1.0+protobuf';
  const packed = await get('/openapi/v2', { accept });
  expect(packed.text).toContain('com.example.Load');
  expect(packed.text).toContain('io.k8s.api.core.v1.Pod');
});

test.skipIf(!address)('a server with v2 alone has it as v3 here, and one that sends nonsense is left out', async () => {
  let nonsense = false;
  await using world = await aWorld(({ path }, response) => {
    if (path === '/openapi/v3') return void response.writeHead(404).end();
    return nonsense ? void response.end(`{"paths":${'['.repeat(200_000)}`) : swagger;
  });
  await world.serve();
  const { paths } = (await untilIn(world, '/openapi/v3', 'paths', 'apis/metrics.example.com/v1')).json;
  const { headers, json } = await world.send({ method: 'GET', path: paths['apis/metrics.example.com/v1'].serverRelativeURL });
  expect(headers).toMatchObject({ 'cache-control': 'public, immutable' });
  expect(json.components.schemas['com.example.Load'].properties.spec).toEqual({ $ref: '#/components/schemas/com.example.Spec' });
  expect(json.paths[`${root}/namespaces/{namespace}/loads/{name}`].patch).toMatchObject({
    parameters: [{ in: 'query', name: 'dryRun', schema: { type: 'string', uniqueItems: true } }],
    requestBody: { required: true, content: { '*/*': { schema: { $ref: '#/components/schemas/com.example.Load' } } } },
  });
  nonsense = true;
  await using other = await aWorld((_, response) => void response.end(`{"paths":${'['.repeat(200_000)}`));
  await other.serve();
  expect((await other.send({ method: 'GET', path: '/openapi/v2' })).json.definitions['io.k8s.api.core.v1.Pod']).toBeDefined();
  expect((await other.send({ method: 'GET', path: '/openapi/v3' })).json.paths['apis/apps/v1']).toBeDefined();
});

test.skipIf(!address)('schemas are told while a server of them hangs', async () => {
  await using world = await aWorld(() => undefined);
  await world.serve();
  for (const path of ['/openapi/v2', '/openapi/v3', '/openapi/v3', '/openapi/v2'])
    expect((await world.send({ method: 'GET', path })).status).toBe(200);
});

async function upgraded(world: Awaited<ReturnType<typeof aWorld>>, path: string): Promise<TLSSocket> {
  const socket = connect({ host: '127.0.0.1', port: world.api.port, rejectUnauthorized: false, ALPNProtocols: ['http/1.1'] });
  await once(socket, 'secureConnect');
  const lines = ['Host: x', 'Connection: Upgrade', 'Upgrade: SPDY/3.1', 'X-Stream-Protocol-Version: v4', 'Authorization: Bearer jane-token', 'X-Remote-User: root'];
  socket.write(`POST ${path} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`);
  return socket;
}

/** All that comes until the connection ends, or `enough` is among it. */
async function heard(socket: TLSSocket, enough?: string): Promise<string> {
  let text = '';
  for await (const chunk of socket.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    text += chunk.toString();
    if (enough !== undefined && text.includes(enough)) break;
  }
  return text;
}

test.skipIf(!address)('a connection that changes its protocol goes through to the server, both ways', async () => {
  const asked: IncomingMessage[] = [];
  const smuggled: Buffer[] = [];
  await using world = await aWorld(() => ({}));
  world.remote.upgrades((message: IncomingMessage, socket: Duplex) => {
    asked.push(message);
    if (message.url?.includes('smuggle')) {
      socket.write('HTTP/1.1 400 Bad Request\r\nContent-Length: 2\r\n\r\nno');
      return void socket.on('data', (chunk: Buffer) => smuggled.push(chunk));
    }
    if (message.url?.includes('refuse')) return void socket.end('HTTP/1.1 418 No\r\nContent-Length: 2\r\n\r\nno');
    if (message.url?.includes('elsewhere')) return void socket.end('HTTP/1.1 302 Found\r\nLocation: https://evil/\r\nContent-Length: 0\r\n\r\n');
    if (message.url?.includes('endless')) return void socket.write(`HTTP/1.1 101 ${'x'.repeat(70_000)}`);
    socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\nhello ');
    socket.pipe(socket);
  });
  await world.serve();
  const path = `${root}/namespaces/default/loads/l/exec`;
  const forbidden = await upgraded(world, path);
  expect(await heard(forbidden)).toContain('User \\"jane\\" cannot create resource \\"loads/exec\\"');
  const rbac = '/apis/rbac.authorization.k8s.io/v1';
  await world.make(`${rbac}/clusterrolebindings`, { metadata: { name: 'b' }, roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' }, subjects: [{ kind: 'User', name: 'jane', apiGroup: 'rbac.authorization.k8s.io' }] });
  await expect.poll(async () => (await heard(await upgraded(world, `${path}?refuse`))).includes('418 No\r\nContent-Length: 2\r\n\r\nno')).toBe(true);
  const socket = await upgraded(world, `${path}?command=a&command=b`);
  expect(await heard(socket, 'hello ')).toMatch(/^HTTP\/1\.1 101 .*\r\n\r\nhello $/s);
  socket.write('and back');
  expect(await heard(socket, 'and back')).toBe('and back');
  const { url, headers } = asked.at(-1) as IncomingMessage;
  expect(url).toBe(`${path}?command=a&command=b`);
  expect(headers).toMatchObject({ 'x-remote-user': 'jane', 'x-remote-group': 'devs, system:authenticated', upgrade: 'SPDY/3.1', 'x-stream-protocol-version': 'v4' });
  expect(headers.authorization).toBeUndefined();
  expect(await heard(await upgraded(world, `${path}?elsewhere`))).toMatch(/^HTTP\/1\.1 503 .*invalid upgrade response: status code 302\n$/s);
  expect(await heard(await upgraded(world, `${path}?endless`))).toMatch(/^HTTP\/1\.1 503 .*malformed HTTP response\n$/s);
  socket.destroy();
  // What comes behind a refused request is no request of ours (CVE-2018-1002105).
  const refused = await upgraded(world, `${path}?smuggle`);
  const another = 'GET /secret HTTP/1.1\r\nHost: x\r\nX-Remote-User: root\r\n\r\n';
  refused.write(another);
  expect(await heard(refused, 'no')).toContain('400 Bad Request');
  refused.write(another);
  await world.send({ method: 'GET', path: root });
  expect(smuggled).toEqual([]);
  refused.destroy();
});

test.skipIf(!address)('redirects are not passed on, headers are, and bodies of any length', async () => {
  await using world = await aWorld(({ path, headers, body }, response) => {
    if (path.includes('away')) return void response.writeHead(302, { location: 'https://evil.example.com/' }).end();
    response.setHeader('access-control-allow-origin', '*');
    return { headers, length: body?.data?.length };
  });
  await world.serve();
  const path = `${root}/namespaces/default/loads`;
  expect(await world.send({ method: 'GET', path: `${path}/away` })).toMatchObject({ status: 502, text: 'the backend attempted to redirect this request, which is not permitted' });
  const headers = { 'x-own': 'yes', 'x-remote-user': 'root', 'x-remote-extra-scopes': 'all', connection: 'x-hop, close', 'x-hop': 'no', 'x-forwarded-for': '192.0.2.1', 'audit-id': 'a-1' };
  const { json, headers: answered } = await world.send({ method: 'POST', path, headers, body: { data: 'x'.repeat(4_000_000) } });
  expect(answered['access-control-allow-origin']).toBeUndefined();
  // A client that says neither is not given ours.
  expect([json.headers.accept, json.headers['user-agent']]).toEqual([undefined, undefined]);
  expect(json.headers.host).toBe(`${address}:${world.remote.port}`);
  expect(json.length).toBe(4_000_000);
  expect(json.headers).toMatchObject({ 'x-own': 'yes', 'x-remote-user': 'admin', 'x-forwarded-for': '192.0.2.1, 127.0.0.1', 'audit-id': 'a-1' });
  expect([json.headers['x-hop'], json.headers['x-remote-extra-scopes']]).toEqual([undefined, undefined]);
});

test.skipIf(!address)('an APIService says why its server cannot be asked, and hears at once of what it hangs on', async () => {
  await using world = await aWorld(() => ({}));
  const services = '/api/v1/namespaces/default/services';
  await world.make(services, { metadata: { name: 'metrics' }, spec: { ports: [{ name: 'https', port: 444 }] } });
  await expect.poll(world.condition).toEqual(['False', 'ServicePortError', 'service/metrics in "default" is not listening on port 443']);
  await world.send({ method: 'DELETE', path: `${services}/metrics` });
  await world.make(services, { metadata: { name: 'metrics' }, spec: { ports: [{ name: 'https', port: 443 }] } });
  await expect.poll(world.condition).toEqual(['False', 'EndpointsNotFound', 'cannot find endpointslices for service/metrics in "default"']);
  const slice = { metadata: { name: 'm', labels: { 'kubernetes.io/service-name': 'metrics' } }, addressType: 'IPv4', ports: [{ name: 'other', port: 1 }], endpoints: [{ addresses: [address] }] };
  await world.make('/apis/discovery.k8s.io/v1/namespaces/default/endpointslices', slice);
  expect((await world.send({ method: 'GET', path: '/metrics' })).text).toContain('aggregator_unavailable_apiservice{name="v1.metrics.example.com"} 1');
  await expect.poll(world.condition).toEqual(['False', 'MissingEndpoints', 'endpointslices for service/metrics in "default" have no addresses with port name "https"']);
});

/** How far an answer over HTTP/2 came, and the code its stream ended with. */
async function overHttp2(port: number, path: string) {
  const session = connectHttp2(`https://127.0.0.1:${port}`, { rejectUnauthorized: false });
  const stream = session.request({ ':path': path, authorization: 'Bearer jane-token' });
  let text = '';
  stream.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  stream.on('error', () => undefined);
  const closed = new Promise((resolve) => stream.once('close', resolve));
  const [headers] = await once(stream, 'response');
  await closed;
  session.destroy();
  return { status: headers[':status'], text, code: stream.rstCode };
}

test.skipIf(!address)('an answer that breaks off is none that ends', async () => {
  const half = '{"kind":"LoadList",';
  await using world = await aWorld(({ path }, response) => {
    if (path.includes('chunked')) response.writeHead(200);
    else response.writeHead(200, { 'content-length': '1000', 'content-type': 'application/json' });
    response.write(half, () => path.includes('whole') || response.socket?.end());
    if (path.includes('whole')) response.end('x'.repeat(1000 - half.length));
  });
  await world.serve();
  const rbac = '/apis/rbac.authorization.k8s.io/v1';
  await world.make(`${rbac}/clusterrolebindings`, { metadata: { name: 'b' }, roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' }, subjects: [{ kind: 'User', name: 'jane', apiGroup: 'rbac.authorization.k8s.io' }] });
  const path = `${root}/namespaces/default/loads`;
  await expect.poll(async () => (await overHttp2(world.api.port, `${path}/whole`)).code).toBe(0);
  for (const kind of ['chunked', 'counted']) {
    // INTERNAL_ERROR: some clients take a stream without an error for a whole one.
    expect(await overHttp2(world.api.port, `${path}/${kind}`)).toEqual({ status: 200, text: half, code: 2 });
  }
});

test.skipIf(!address)('what nobody asked for is unpacked, guessed or refused, as Go does', async () => {
  const packed = gzipSync('{"packed":true}');
  await using world = await aWorld(({ path }, response) => {
    if (path.includes('switch')) return void response.writeHead(101, { upgrade: 'foo', connection: 'Upgrade' }).end();
    if (path.includes('packed')) return void response.writeHead(200, { 'content-encoding': 'gzip', 'content-length': packed.length }).end(packed);
    if (path.includes('chunked')) return void response.writeHead(200).end('<html>');
    return void response.writeHead(200, { 'content-length': 6 }).end('<html>');
  });
  await world.serve();
  const get = async (name: string, headers = {}) => {
    const answer = await world.send({ method: 'GET', path: `${root}/namespaces/default/loads/${name}`, headers });
    const { 'content-type': type, 'content-encoding': coding, 'content-length': length } = answer.headers;
    return { status: answer.status, text: answer.text, type, coding, length };
  };
  expect(await get('packed')).toEqual({ status: 200, text: '{"packed":true}', type: undefined, coding: undefined, length: undefined });
  expect(await get('packed', { 'accept-encoding': 'gzip' })).toMatchObject({ coding: 'gzip', length: String(packed.length) });
  expect(await get('untold')).toMatchObject({ text: '<html>', type: 'text/html; charset=utf-8', length: '6' });
  expect(await get('chunked')).toMatchObject({ text: '<html>', type: undefined });
  const why = 'error trying to reach service: backend tried to switch protocol "foo" when "" was requested\n';
  expect(await get('switch')).toMatchObject({ status: 503, text: why });
});
