import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { gunzipSync } from 'node:zlib';
import { systemClock, systemRng } from '@berth/kit';
import { expect, onTestFinished, test } from 'vitest';
import { WebSocket } from 'ws';
import { webhookPlugin } from '../../orchestrator/src/api-server/audit/audit-options.ts';
import type { ApiServerOptions } from '../../orchestrator/src/api-server/create-api-server.ts';
import { JwtTokens } from '../../orchestrator/src/index.ts';
import type { TerminalStreams } from '../../orchestrator/src/node-api.ts';
import { anApiServer, anAuthority } from '../harness/api-server.ts';
import { aKubeconfig } from '../harness/kubeconfig-file.ts';
import { aWebhookServer } from '../harness/webhook-server.ts';
import { patch, review } from '../harness/webhook-world.ts';

const configmaps = '/api/v1/namespaces/default/configmaps';
const json = 'application/json';

async function anAuditedServer(policy: object, audit: object = {}, more: Partial<ApiServerOptions> = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'berth-audit-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const policyFile = join(folder, 'policy.yaml');
  const logPath = join(folder, 'audit.log');
  writeFileSync(policyFile, JSON.stringify({ apiVersion: 'audit.k8s.io/v1', kind: 'Policy', ...policy }));
  const server = await anApiServer({ limits: { audit: { policyFile, logPath, ...audit } }, more });
  onTestFinished(() => server[Symbol.asyncDispose]());
  // biome-ignore lint/suspicious/noExplicitAny: events are read as a reader of the log would.
  const events = (): any[] =>
    readFileSync(logPath, 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line));
  return { ...server, folder, events };
}

test('a request is written down in its stages, with who, what and how it ended', async () => {
  const server = await anAuditedServer({ rules: [{ level: 'RequestResponse', resources: [{ resources: ['configmaps'] }] }] });
  const body = { metadata: { name: 'c' }, data: { a: '1' } };
  await server.send({ method: 'POST', path: `${configmaps}?dryRun=All`, contentType: json, body, headers: { 'user-agent': 'me/1', 'audit-id': 'my-id' } });
  await server.send({ method: 'GET', path: '/api/v1/pods' });
  const [received, complete, ...others] = server.events();
  expect(others).toEqual([]);
  expect(received).toEqual({
    kind: 'Event',
    apiVersion: 'audit.k8s.io/v1',
    level: 'RequestResponse',
    auditID: 'my-id',
    stage: 'RequestReceived',
    requestURI: `${configmaps}?dryRun=All`,
    verb: 'create',
    user: {
      username: 'admin',
      groups: ['system:masters', 'system:authenticated'],
      extra: { 'authentication.kubernetes.io/credential-id': [expect.stringMatching(/^X509SHA256=[0-9a-f]{64}$/)] },
    },
    sourceIPs: ['127.0.0.1'],
    userAgent: 'me/1',
    objectRef: { resource: 'configmaps', namespace: 'default', apiVersion: 'v1' },
    requestReceivedTimestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/),
    stageTimestamp: received.requestReceivedTimestamp,
  });
  expect(complete).toMatchObject({
    stage: 'ResponseComplete',
    objectRef: { resource: 'configmaps', namespace: 'default', name: 'c', apiVersion: 'v1' },
    responseStatus: { metadata: {}, code: 201 },
    requestObject: { kind: 'ConfigMap', apiVersion: 'v1', ...body },
    responseObject: { kind: 'ConfigMap', metadata: { name: 'c', namespace: 'default' } },
    annotations: { 'authorization.k8s.io/decision': 'allow', 'authorization.k8s.io/reason': '' },
  });
  expect(complete.requestObject.metadata.uid).toBeUndefined();
});

test('lists and discovery are written down as they are answered', async () => {
  const server = await anAuditedServer({ omitStages: ['RequestReceived'], rules: [{ level: 'RequestResponse' }] });
  await server.send({ method: 'POST', path: configmaps, contentType: json, body: { metadata: { name: 'c' } } });
  const paths = [`${configmaps}?limit=3`, '/api', '/apis', '/apis/apps/v1'];
  const answers = [];
  for (const path of paths) answers.push(JSON.parse((await server.send({ method: 'GET', path })).text));
  // Items of a kind that Go has a type for do not say which.
  expect(Object.keys(answers[0].items[0])).toEqual(['metadata']);
  expect(server.events().slice(1).map(({ responseObject }) => responseObject)).toEqual(answers);
});

test('every answer carries its audit id, one of our own where none is given', async () => {
  const server = await anAuditedServer({ rules: [{ level: 'Metadata' }] });
  const { headers } = await server.send({ method: 'GET', path: '/api/v1/pods' });
  expect(headers['audit-id']).toMatch(/^[0-9a-f-]{36}$/);
  expect(server.events().map(({ auditID }) => auditID)).toEqual([headers['audit-id'], headers['audit-id']]);
});

test('levels keep objects out, stages can be left out, and managed fields too', async () => {
  const server = await anAuditedServer({
    omitStages: ['RequestReceived'],
    rules: [
      { level: 'Metadata', resources: [{ resources: ['secrets'] }] },
      { level: 'Request', resources: [{ resources: ['configmaps'] }], omitManagedFields: true },
    ],
  });
  await server.send({ method: 'POST', path: '/api/v1/namespaces/default/secrets', contentType: json, body: { metadata: { name: 's' }, stringData: { a: 'top' } } });
  await server.send({ method: 'POST', path: configmaps, contentType: json, body: { metadata: { name: 'c', managedFields: [{ manager: 'm' }] } } });
  const [secret, configMap, ...others] = server.events();
  expect(others).toEqual([]);
  expect(JSON.stringify(secret)).not.toContain('top');
  expect(secret.responseObject).toBeUndefined();
  expect(configMap.requestObject.metadata).toEqual({ name: 'c' });
  expect(configMap.responseObject).toBeUndefined();
});

test('answers are written down as they are shown: tables, and metadata alone', async () => {
  const server = await anAuditedServer({
    omitStages: ['RequestReceived'],
    rules: [{ level: 'RequestResponse', verbs: ['get', 'list'], resources: [{ resources: ['configmaps'] }], omitManagedFields: true }, { level: 'None' }],
  });
  await server.send({ method: 'POST', path: configmaps, contentType: json, body: { metadata: { name: 'c' }, data: { a: 'b' } } });
  const as = (form: string) => `application/json;as=${form};g=meta.k8s.io;v=v1`;
  for (const [path, accept] of [
    [configmaps, as('Table')],
    [`${configmaps}?includeObject=Object`, as('Table')],
    [`${configmaps}?labelSelector=${'a!=b,'.repeat(8000)}c!=d`, as('Table')],
    [configmaps, as('PartialObjectMetadataList')],
    [`${configmaps}/c`, as('PartialObjectMetadata')],
    [`${configmaps}/c`, as('Table')],
    [configmaps, json],
  ] as const) {
    const { status, text } = await server.send({ method: 'GET', path, accept });
    expect(status).toBe(200);
    const without = JSON.parse(text, (key, value) => (key === 'managedFields' ? undefined : value));
    const items = without.kind === 'ConfigMapList' ? { items: [expect.objectContaining(without.items[0])] } : {};
    expect(server.events().at(-1).responseObject).toEqual({ ...without, ...items });
  }
});

test('of large objects as much is written down as of small ones', async () => {
  const server = await anAuditedServer({ omitStages: ['RequestReceived'], rules: [{ level: 'RequestResponse', resources: [{ resources: ['configmaps'] }], omitManagedFields: true }] });
  const data = Object.fromEntries(Array.from({ length: 5000 }, (_, i) => [`k${i}`, 'v']));
  const body = { metadata: { name: 'large' }, data };
  await server.send({ method: 'POST', path: configmaps, contentType: json, accept: 'application/vnd.kubernetes.protobuf', body });
  await server.send({ method: 'POST', path: configmaps, contentType: json, body: { ...body, data: { ...data, 'no/key': 'x'.repeat(70_000) } } });
  const [made, refused, ...others] = server.events();
  expect(others).toEqual([]);
  expect(made).toMatchObject({ objectRef: { name: 'large', namespace: 'default' }, requestObject: body, responseStatus: { code: 201 } });
  expect(made.responseObject).toMatchObject({ kind: 'ConfigMap', apiVersion: 'v1', data });
  expect(made.responseObject.metadata.managedFields).toBeUndefined();
  expect(Object.keys(made).slice(-6)).toEqual(['responseStatus', 'requestObject', 'responseObject', 'requestReceivedTimestamp', 'stageTimestamp', 'annotations']);
  expect(refused).toMatchObject({ responseStatus: { status: 'Failure', reason: 'Invalid', code: 422 }, responseObject: { kind: 'Status', reason: 'Invalid' } });
});

test('what is refused says why: forbidden, not found, not known', async () => {
  const server = await anAuditedServer({ omitStages: ['RequestReceived'], rules: [{ level: 'Metadata' }] });
  await server.send({ method: 'GET', path: configmaps, headers: { 'Impersonate-User': 'jane' } });
  await server.send({ method: 'GET', path: `${configmaps}/nope` });
  await server.send({ method: 'GET', path: configmaps, certificate: false, headers: { authorization: 'Bearer nope' } });
  const [forbidden, missing, unknown] = server.events();
  expect(forbidden).toMatchObject({
    user: { username: 'admin' },
    impersonatedUser: { username: 'jane', groups: ['system:authenticated'] },
    authenticationMetadata: { impersonationConstraint: 'impersonate:user-info' },
    responseStatus: { status: 'Failure', reason: 'Forbidden', code: 403 },
    annotations: { 'authorization.k8s.io/decision': 'forbid' },
  });
  expect(missing).toMatchObject({ responseStatus: { reason: 'NotFound', code: 404 }, objectRef: { name: 'nope' } });
  expect(unknown).toMatchObject({ stage: 'ResponseStarted', user: {}, responseStatus: { status: 'Failure', message: 'Unauthorized', reason: 'Unauthorized', code: 401 } });
});

test('what was sent is written down as it is read: with defaults, options of a deletion, configurations that are applied', async () => {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  const tokens = new JwtTokens({ issuer: 'https://berth', privateKey: pem, clock: systemClock, rng: systemRng });
  const server = await anAuditedServer({ omitStages: ['RequestReceived'], rules: [{ level: 'Request', verbs: ['create', 'patch', 'delete'] }] }, {}, { tokens });
  const pods = '/api/v1/namespaces/default/pods';
  const spec = { containers: [{ name: 'c', image: 'i' }], automountServiceAccountToken: false };
  await server.send({ method: 'POST', path: '/api/v1/namespaces/default/serviceaccounts', contentType: json, body: { metadata: { name: 'default' } } });
  expect(await server.send({ method: 'POST', path: pods, contentType: json, body: { metadata: { name: 'p' }, spec } })).toMatchObject({ status: 201 });
  const applied = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'c' }, data: { a: 'b' } };
  const apply = (raw: string) => server.send({ method: 'PATCH', path: `${configmaps}/c?fieldManager=f`, contentType: 'application/apply-patch+yaml', raw });
  expect(await apply(JSON.stringify(applied))).toMatchObject({ status: 201 });
  expect(await apply('apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {a: c}\n')).toMatchObject({ status: 200 });
  await server.send({ method: 'DELETE', path: `${configmaps}/c`, contentType: json, body: { propagationPolicy: 'Background' } });
  const eviction = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: 'p' }, deleteOptions: { gracePeriodSeconds: 0 } };
  await server.send({ method: 'POST', path: `${pods}/p/eviction`, contentType: json, body: eviction });
  const token = { kind: 'TokenRequest', apiVersion: 'authentication.k8s.io/v1' };
  await server.send({ method: 'POST', path: '/api/v1/namespaces/default/serviceaccounts/default/token', contentType: json, body: { ...token, spec: {} } });
  const [, pod, first, second, gone, evicted, asked] = server.events();
  expect(asked.requestObject).toEqual({ ...token, metadata: {}, spec: { audiences: null, expirationSeconds: 3600, boundObjectRef: null }, status: { token: '', expirationTimestamp: null } });
  expect(evicted.requestObject).toMatchObject(eviction);
  expect(pod.requestObject.spec).toMatchObject({ restartPolicy: 'Always', dnsPolicy: 'ClusterFirst', containers: [{ name: 'c', imagePullPolicy: 'Always' }] });
  expect(pod.requestObject.spec.tolerations).toBeUndefined();
  expect(first.requestObject).toEqual(applied);
  expect(second.requestObject).toEqual({ ...applied, data: { a: 'c' } });
  // Upstream tells the version of its own form.
  expect(gone.requestObject).toEqual({ kind: 'DeleteOptions', apiVersion: 'meta.k8s.io/__internal', propagationPolicy: 'Background' });
  expect(gone.responseStatus).toEqual({ metadata: {}, status: 'Success', details: { name: 'c', kind: 'configmaps', uid: expect.any(String) }, code: 200 });
});

test('a watch is written down when it begins and when it ends', async () => {
  const server = await anAuditedServer({ rules: [{ level: 'Metadata', verbs: ['watch'] }] });
  const end = new AbortController();
  const watching = server.stream({ method: 'GET', path: `${configmaps}?watch=1` }, () => undefined, end.signal).catch(() => undefined);
  await expect.poll(() => server.events().map(({ stage }) => stage)).toEqual(['RequestReceived', 'ResponseStarted']);
  end.abort();
  await watching;
  await expect.poll(() => server.events().at(-1)?.stage).toBe('ResponseComplete');
});

/** Upstream takes a connection over as switched (apiserver auditResponseWriter.Hijack), also where it passes a kubelet's refusal on. */
test('a connection that changes its protocol is written down when it does and when it ends', async () => {
  const ended = Promise.withResolvers<number>();
  const unused = () => Promise.reject(new Error('not asked here'));
  const exec = (_target: object, _command: readonly string[], { stdout }: TerminalStreams) => {
    stdout?.write('begun');
    return ended.promise;
  };
  const page = async (_method: string, url: string) =>
    url.includes('/none/') ? { status: 404, contentType: 'text/plain', chunks: Readable.from([Buffer.from('no')]) } : { status: 200, contentType: 'text/plain', chunks: Readable.from([]), isStream: true };
  const node = { page, exec, logs: unused, attach: unused, portForward: unused };
  const server = await anAuditedServer({ rules: [{ level: 'Metadata' }] }, {}, { nodeApi: (name: string) => (name === 'n' ? node : undefined) });
  const { cert, key } = await server.authority.issue('CN=admin, O=system:masters', 'client');
  const open = (path: string, protocol: string[]) => new WebSocket(`wss://127.0.0.1:${server.port}${path}`, protocol, { ca: server.authority.cert, cert, key });
  const exec5 = (path: string) => open(`${path}?command=x&output=1`, ['v5.channel.k8s.io']);
  const events = (what: string) => server.events().filter(({ requestURI }) => requestURI.includes(what)).map(({ stage, responseStatus }) => [stage, responseStatus]);
  const failure = async (client: WebSocket) => String((await once(client, 'error'))[0]);
  const switched = { metadata: {}, code: 101 };
  const nodes = '/api/v1/nodes';
  await server.send({ method: 'POST', path: nodes, contentType: json, body: { metadata: { name: 'n' } } });

  const client = exec5(`${nodes}/n/proxy/exec/ns/p/c`);
  await new Promise<void>((resolve) => client.on('message', (data: Buffer) => data.includes('begun') && resolve()));
  expect(events('/ns/p/')).toEqual([['RequestReceived', undefined], ['ResponseStarted', switched]]);
  ended.resolve(0);
  await expect.poll(() => events('/ns/p/').slice(2)).toEqual([['ResponseComplete', switched]]);

  expect(await failure(exec5(`${nodes}/n/proxy/exec/none/p/c`))).toContain('404');
  await expect.poll(() => events('/none/').slice(1)).toEqual([['ResponseStarted', switched], ['ResponseComplete', switched]]);

  expect(await failure(exec5(`${nodes}/other/proxy/exec/ns/q/c`))).toContain('404');
  await expect.poll(() => events('/ns/q/').at(-1)).toEqual(['ResponseComplete', expect.objectContaining({ code: 404, reason: 'NotFound' })]);

  const watching = open(`${configmaps}?watch=1`, []);
  await once(watching, 'open');
  await expect.poll(() => events('watch=1').slice(1)).toEqual([['ResponseStarted', switched]]);
  watching.terminate();

  const service = { namespace: 'default', name: 'none' };
  const spec = { group: 'far.example.com', version: 'v1', groupPriorityMinimum: 100, versionPriority: 10, service };
  await server.send({ method: 'POST', path: '/apis/apiregistration.k8s.io/v1/apiservices', contentType: json, body: { metadata: { name: 'v1.far.example.com' }, spec } });
  expect(await failure(open('/apis/far.example.com/v1/things', []))).toContain('503');
  await expect.poll(() => events('far.example.com/v1/things').at(-1)).toEqual(['ResponseComplete', { metadata: {}, code: 503 }]);
});

test('what a webhook changed is written down only where what was sent is, too', async () => {
  await using hooks = await aWebhookServer(({ body }) =>
    review(body, { allowed: true, ...patch({ op: 'add', path: '/data/b', value: 'hidden' }) }),
  );
  const webhook = {
    name: 'hook.example.com',
    clientConfig: { url: `${hooks.url}/check`, caBundle: hooks.caBundle },
    rules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['configmaps', 'secrets'] }],
    sideEffects: 'None',
    admissionReviewVersions: ['v1'],
  };
  const server = await anAuditedServer({
    omitStages: ['RequestReceived'],
    rules: [
      { level: 'Request', resources: [{ resources: ['configmaps'] }] },
      { level: 'Metadata', resources: [{ resources: ['secrets'] }] },
    ],
  });
  const path = '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations';
  await server.send({ method: 'POST', path, contentType: json, body: { metadata: { name: 'a' }, webhooks: [webhook] } });
  for (const plural of ['configmaps', 'secrets'])
    await server.send({
      method: 'POST',
      path: `/api/v1/namespaces/default/${plural}?dryRun=All`,
      contentType: json,
      body: { metadata: { name: 'c' }, data: { a: 'YQ==' } },
    });
  const annotations = server.events().map((event) => Object.keys(event.annotations).filter((key) => /webhook/.test(key)));
  const mutation = 'mutation.webhook.admission.k8s.io/round_0_index_0';
  expect(annotations).toEqual([['patch.webhook.admission.k8s.io/round_0_index_0', mutation], [mutation]]);
});

test('a full log is put aside, and only so many are kept', async () => {
  const server = await anAuditedServer({ rules: [{ level: 'Request' }] }, { maxSizeMb: 1, maxBackups: 2 });
  for (let i = 0; i < 6; i++)
    await server.send({ method: 'POST', path: configmaps, contentType: json, body: { metadata: { name: `c${i}` }, data: { a: 'x'.repeat(700_000) } } });
  const old = readdirSync(server.folder).filter((name) => /^audit-\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d\.\d{3}\.log$/.test(name));
  expect(old).toHaveLength(2);
  expect(server.events().at(-1)).toMatchObject({ objectRef: { name: 'c5' }, stage: 'ResponseComplete' });
});

test.each<[string, object, RegExp]>([
  ['no rules', { rules: [] }, /loaded illegal policy with 0 rules/],
  ['no level', { rules: [{}] }, /rules\[0\].level: Required value/],
  ['another level', { rules: [{ level: 'All' }] }, /rules\[0\].level: Unsupported value: "All": supported values: "None", "Metadata", "Request", "RequestResponse"/],
  ['another stage', { omitStages: ['x'], rules: [{ level: 'None' }] }, /omitStages\[0\]: Invalid value: "x": allowed stages are RequestReceived,ResponseStarted,ResponseComplete,Panic/],
  ['paths and resources', { rules: [{ level: 'None', nonResourceURLs: ['/x'], namespaces: ['a'] }] }, /rules cannot apply to both regular resources and non-resource URLs/],
  ['another kind', { kind: 'Pod', rules: [{ level: 'None' }] }, /no kind "Pod" is registered for version "audit.k8s.io\/v1"/],
  ['a wrong type', { rules: [{ level: 'None', users: 'me' }] }, /failed decoding: json: cannot unmarshal string into Go struct field PolicyRule.rules.users of type \[\]string/],
  ['no list of rules', { rules: 'x' }, /failed decoding: json: cannot unmarshal string into Go struct field Policy.rules of type \[\]v1.PolicyRule/],
  ['no version', { apiVersion: '', rules: [{ level: 'None' }] }, /: unknown group version field audit.k8s.io\/__internal, Kind=Policy in policy: from file/],
])('a policy with %s is refused, with the file it is in', async (_what, policy, words) => {
  const failed = await anAuditedServer(policy).catch((error: Error) => error);
  expect(failed).toBeInstanceOf(RangeError);
  expect((failed as Error).message).toMatch(words);
  expect((failed as Error).message).toContain('policy.yaml');
});

test('events are sent to a server that a kubeconfig names, the last ones when ours stops', async () => {
  const authority = await anAuthority();
  const lists: { kind: string; items: { verb: string; stage: string }[] }[] = [];
  const sink = createServer(await authority.issue('CN=audit', 'server'), async (request, response) => {
    let text = '';
    for await (const chunk of request) text += chunk;
    lists.push(JSON.parse(text));
    response.end('{}');
  });
  await new Promise<void>((resolve) => sink.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => new Promise<void>((resolve) => void (sink.closeAllConnections(), sink.close(() => resolve()))));
  const folder = mkdtempSync(join(tmpdir(), 'berth-audit-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const webhookConfigFile = join(folder, 'kubeconfig');
  const cluster = {
    server: `https://127.0.0.1:${(sink.address() as AddressInfo).port}/audit`,
    'certificate-authority-data': Buffer.from(authority.cert).toString('base64'),
  };
  const kubeconfig = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'a', cluster }],
    users: [{ name: 'a', user: {} }],
    contexts: [{ name: 'a', context: { cluster: 'a', user: 'a' } }],
    'current-context': 'a',
  };
  writeFileSync(webhookConfigFile, JSON.stringify(kubeconfig));
  const server = await anAuditedServer({ omitStages: ['RequestReceived'], rules: [{ level: 'Metadata' }] }, { webhookConfigFile });
  await server.send({ method: 'GET', path: '/api/v1/pods' });
  expect(lists).toEqual([]);
  await server[Symbol.asyncDispose]();
  expect(lists).toMatchObject([{ kind: 'EventList', items: [{ verb: 'list', stage: 'ResponseComplete', responseStatus: { code: 200 } }] }]);
});

test('old logs are compressed, and are still as many as are kept', async () => {
  const server = await anAuditedServer({ rules: [{ level: 'Request' }] }, { maxSizeMb: 1, maxBackups: 2, compress: true });
  const body = { metadata: { name: 'c' }, data: { a: 'x'.repeat(600_000) } };
  for (let i = 0; i < 8; i++) await server.send({ method: 'POST', path: `${configmaps}?dryRun=All`, contentType: json, body });
  const old = () => readdirSync(server.folder).filter((name) => name.startsWith('audit-'));
  await expect.poll(() => old().map((name) => name.endsWith('.log.gz'))).toEqual([true, true]);
  const lines = gunzipSync(readFileSync(join(server.folder, old()[0] as string))).toString().trimEnd().split('\n');
  expect(lines.map((line) => JSON.parse(line).kind)).toEqual(lines.map(() => 'Event'));
});

test('a log for people has a line an event', async () => {
  const server = await anAuditedServer({ rules: [{ level: 'Metadata' }] }, { format: 'legacy' });
  await server.send({ method: 'GET', path: '/api/v1/namespaces/default/pods', headers: { 'audit-id': 'my-id', 'user-agent': 'me' } });
  const told = 'ip="127.0.0.1" method="list" user="admin" groups="\\"system:masters\\",\\"system:authenticated\\"" as="<self>" asgroups="<lookup>" user-agent="me" namespace="default" uri="/api/v1/namespaces/default/pods"';
  const lines = readFileSync(join(server.folder, 'audit.log'), 'utf8').split('\n').map((line) => line.replace(/^\S+Z /, ''));
  expect(lines).toEqual([
    `AUDIT: id="my-id" stage="RequestReceived" ${told} response="<deferred>"`,
    `AUDIT: id="my-id" stage="ResponseComplete" ${told} response="200"`,
    '',
  ]);
});

test('who blocks is answered when its events have come, and the strict are refused where they do not', async () => {
  let [answer, got] = [200, 0];
  await using hook = await aWebhookServer((_, response) => {
    if (answer !== 200) return void response.writeHead(answer).end();
    got++;
    return {};
  });
  using kubeconfig = aKubeconfig(hook);
  const sent = { webhookConfigFile: kubeconfig.path, webhookFirstDelayMs: 1 };
  for (const [mode, refused] of [
    ['blocking', 200],
    ['blocking-strict', 500],
  ] as const) {
    [answer, got] = [200, 0];
    const server = await anAuditedServer({ rules: [{ level: 'Metadata' }] }, { ...sent, webhook: { ...webhookPlugin, mode } });
    const get = () => server.send({ method: 'GET', path: '/api/v1/pods' });
    expect([mode, (await get()).status, got]).toEqual([mode, 200, 2]);
    expect([(await server.send({ method: 'GET', path: '/api/v1/nodes/none' })).status, got]).toEqual([404, 4]);
    answer = 503;
    const { status, text } = await get();
    expect([mode, status]).toEqual([mode, refused]);
    if (refused === 500) expect(text).toBe('Internal Server Error: "/api/v1/pods": failed to store audit event\n');
    answer = 200;
    const metrics = (await server.send({ method: 'GET', path: '/metrics' })).text;
    expect(metrics).toContain(`apiserver_audit_requests_rejected_total ${refused === 500 ? 1 : 0}\n`);
    expect(metrics).toContain(`apiserver_audit_error_total{plugin="webhook"} ${refused === 500 ? 1 : 2}\n`);
    await server[Symbol.asyncDispose]();
  }
});
