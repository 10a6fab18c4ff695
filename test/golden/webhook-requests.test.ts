import { silentLogger, systemClock, systemRng } from '@berth/kit';
import { KubeClient, resources } from '@berth/kube';
import { expect, test } from 'vitest';
import { createApiServer, definitions, MemoryStore } from '../../orchestrator/src/index.ts';
import { anAuthority } from '../harness/api-server.ts';
import { allow, aWorld, patch, review } from '../harness/webhook-world.ts';

/** Which requests webhooks are asked about, and in which form they see them. */

const rule = (operation: string, group: string, version: string, resource: string) => ({
  apiGroups: [group],
  apiVersions: [version],
  operations: [operation],
  resources: [resource],
});

const hpa = (version: 'v1' | 'v2') => ({
  apiVersion: `autoscaling/${version}`,
  kind: 'HorizontalPodAutoscaler',
  metadata: { name: `h-${version}` },
  spec: {
    scaleTargetRef: { kind: 'Deployment', name: 'd', apiVersion: 'apps/v1' },
    maxReplicas: 3,
    ...(version === 'v1' ? { targetCPUUtilizationPercentage: 50 } : {}),
  },
});

test('a rule for another version of a kind means all of them, unless it is to be exact', async () => {
  await using world = await aWorld(({ body }) =>
    review(body, { allowed: true, ...patch({ op: 'replace', path: '/spec/maxReplicas', value: 7 }) }),
  );
  const path = '/apis/autoscaling/v1/namespaces/default/horizontalpodautoscalers';
  await world.configure({ configuration: 'exact', matchPolicy: 'Exact', rules: [rule('CREATE', 'autoscaling', 'v2', 'horizontalpodautoscalers')] });
  expect(await world.send({ method: 'POST', path, body: hpa('v1') })).toMatchObject({ status: 201 });
  expect(world.hooks.asked).toHaveLength(0);
  await world.configure({ mutating: true, rules: [rule('CREATE', 'autoscaling', 'v2', 'horizontalpodautoscalers')] });
  const made = await world.send({ method: 'POST', path, body: { ...hpa('v1'), metadata: { name: 'other' } } });
  expect(made).toMatchObject({ status: 201, json: { apiVersion: 'autoscaling/v1', spec: { maxReplicas: 7, targetCPUUtilizationPercentage: 50 } } });
  expect(world.hooks.asked[0]?.body.request).toMatchObject({
    kind: { group: 'autoscaling', version: 'v2', kind: 'HorizontalPodAutoscaler' },
    resource: { group: 'autoscaling', version: 'v2', resource: 'horizontalpodautoscalers' },
    requestKind: { group: 'autoscaling', version: 'v1', kind: 'HorizontalPodAutoscaler' },
    requestResource: { group: 'autoscaling', version: 'v1', resource: 'horizontalpodautoscalers' },
    object: { apiVersion: 'autoscaling/v2', spec: { metrics: [{ type: 'Resource' }] } },
  });
});

test('a webhook of the first version is asked in that, and what it leaves out is let pass', async () => {
  await using world = await aWorld(() => ({ response: { allowed: true, patch: patch({ op: 'add', path: '/data/b', value: '2' }).patch } }));
  await world.configure({ mutating: true, admissionReviewVersions: ['v7', 'v1beta1', 'v1'] });
  expect(await world.create('one')).toMatchObject({ status: 201, json: { data: { a: '1', b: '2' } } });
  expect(world.hooks.asked[0]?.body.apiVersion).toBe('admission.k8s.io/v1beta1');
});

// As kube-apiserver's (kubeapiserver/admission/exclusion): policies are not asked, as all of a cluster may hang on the answer.
test('a review is admitted like what is stored, by webhooks and not by policies', async () => {
  let refused = false;
  await using world = await aWorld(({ body, path }) => {
    if (refused) return review(body, { allowed: false, status: { message: 'not here' } });
    const { kind } = body.request.kind;
    const other = kind === 'SubjectAccessReview' ? patch({ op: 'replace', path: '/spec/user', value: 'other' }) : {};
    return review(body, { allowed: true, ...(path.startsWith('/change') ? other : {}) });
  });
  const rules = [{ apiGroups: ['authentication.k8s.io', 'authorization.k8s.io'], apiVersions: ['v1'], operations: ['CREATE'], resources: ['*'] }];
  await world.configure({ rules, mutating: true, clientConfig: { url: `${world.hooks.url}/change`, caBundle: world.hooks.caBundle } });
  await world.configure({ rules, configuration: 'b' });
  const policies = '/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies';
  const matchConstraints = { resourceRules: [{ ...rules[0], apiGroups: ['*'] }] };
  const spec = { matchConstraints, validations: [{ expression: 'false' }] };
  await world.send({ method: 'POST', path: policies, body: { metadata: { name: 'p' }, spec } });
  await world.send({ method: 'POST', path: policies.replace('policies', 'policybindings'), body: { metadata: { name: 'p' }, spec: { policyName: 'p', validationActions: ['Deny'] } } });
  await expect.poll(async () => (await world.create('one')).status).toBe(422);
  const ask = (plural: string, spec: object, group = 'authorization') =>
    world.send({ method: 'POST', path: `/apis/${group}.k8s.io/v1/${plural}`, body: { spec } });
  const access = { user: 'jane', nonResourceAttributes: { verb: 'get', path: '/x' } };
  expect(await ask('subjectaccessreviews', access)).toMatchObject({ status: 201, json: { spec: { user: 'other' }, status: { allowed: false } } });
  expect(world.hooks.asked.map(({ path, body: { request } }) => [path, request.operation, request.resource.resource, request.object.spec.user])).toEqual([
    ['/change?timeout=10s', 'CREATE', 'subjectaccessreviews', 'jane'],
    ['/check?timeout=10s', 'CREATE', 'subjectaccessreviews', 'other'],
  ]);
  refused = true;
  for (const [plural, spec, group] of [
    ['subjectaccessreviews', access],
    ['selfsubjectaccessreviews', { nonResourceAttributes: access.nonResourceAttributes }],
    ['namespaces/default/localsubjectaccessreviews', { user: 'jane', resourceAttributes: { verb: 'get', namespace: 'default' } }],
    ['selfsubjectrulesreviews', { namespace: 'default' }],
    ['tokenreviews', { token: 'x' }, 'authentication'],
    ['selfsubjectreviews', {}, 'authentication'],
  ] as const)
    expect(await ask(plural, spec, group)).toMatchObject({ status: 400, json: { message: 'admission webhook "hook.example.com" denied the request: not here' } });
});

test('a busy webhook is asked again when it says, ten times and within its time', async () => {
  let busy = 10;
  let after = '0';
  await using world = await aWorld(({ body }, response) => {
    if (busy-- > 0) return void response.writeHead(busy % 2 ? 503 : 429, { 'retry-after': after }).end();
    return review(body, { allowed: true });
  });
  await world.configure({ timeoutSeconds: 1 });
  expect(await world.create('one')).toMatchObject({ status: 201 });
  expect(world.hooks.asked).toHaveLength(11);
  busy = 11;
  expect((await world.create('two')).json.message).toContain('the server has received too many requests and has asked us to try again later');
  expect(world.hooks.asked).toHaveLength(22);
  busy = 11;
  after = '60';
  expect((await world.create('three')).json.message).toMatch(/failed to call webhook: Post "https:\S+": context deadline exceeded$/);
  after = 'Fri, 31 Dec 1999 23:59:59 GMT';
  expect((await world.create('four')).json.message).toContain('failed to call webhook: ');
  expect(world.hooks.asked).toHaveLength(24);
});

// As kube-apiserver's, whose calls have the deadline of the request that they are made for.
test('a webhook is told no more time than its request has left', async () => {
  await using world = await aWorld(allow());
  await world.configure({ timeoutSeconds: 25 });
  expect(await world.create('one', {}, '?timeout=20m')).toMatchObject({ status: 201 });
  expect(await world.create('two', {}, '?timeout=9500ms')).toMatchObject({ status: 201 });
  const data = Object.fromEntries(Array.from({ length: 5000 }, (_, i) => [`k${i}`, 'v']));
  expect(await world.create('large', { data }, '?timeout=20s')).toMatchObject({ status: 201 });
  const told = world.hooks.asked.map(({ path }) => Number(/^\/check\?timeout=(\d+)s$/.exec(path)?.[1]));
  expect(told[0]).toBe(25);
  expect(told[1]).toBeLessThanOrEqual(10);
  expect(told[2]).toBeLessThanOrEqual(20);
});

test('a patch that is no JSON is told as Go reads it', async () => {
  const hello = Buffer.from('hello').toString('base64');
  await using world = await aWorld(allow({ patchType: 'JSONPatch', patch: hello }));
  await world.configure({ mutating: true });
  const { message } = (await world.create('one')).json;
  expect(message).toContain("received undecodable patch in webhook response: invalid character 'h' looking for beginning of value");
});

test('match conditions leave requests out; one that fails is the policy\'s matter', async () => {
  await using world = await aWorld(allow({ allowed: false }));
  const condition = (expression: string) => [{ name: 'only', expression }];
  await world.configure({ matchConditions: condition('object.data.a == "guarded" && request.userInfo.username == "admin"') });
  expect(await world.create('one')).toMatchObject({ status: 201 });
  expect(await world.create('two', { data: { a: 'guarded' } })).toMatchObject({ status: 400 });
  expect(world.hooks.asked).toHaveLength(1);
  const failed = await world.create('three', { data: { b: 'x' } });
  expect(failed).toMatchObject({ status: 403, json: { reason: 'Forbidden', details: { name: 'three', kind: 'configmaps' } } });
  expect(failed.json.message).toMatch(/^configmaps "three" is forbidden: .*no such key: a/);
  expect(world.hooks.asked).toHaveLength(1);
});

test('a scale, a binding and an eviction are shown as what they are', async () => {
  await using world = await aWorld(({ body }) => {
    const { kind } = body.request.object;
    if (kind === 'Scale') return review(body, { allowed: true, ...patch({ op: 'replace', path: '/spec/replicas', value: 5 }) });
    return review(body, kind === 'Eviction' ? { allowed: false, status: { message: 'stay' } } : { allowed: true });
  });
  const post = (path: string, body: object) => world.send({ method: 'POST', path, body });
  const core = '/api/v1/namespaces/default';
  await post(`${core}/serviceaccounts`, { metadata: { name: 'default' } });
  const template = { metadata: { labels: { a: 'b' } }, spec: { containers: [{ name: 'c', image: 'i' }] } };
  const spec = { selector: { matchLabels: { a: 'b' } }, template };
  expect(await post('/apis/apps/v1/namespaces/default/deployments', { metadata: { name: 'd' }, spec })).toMatchObject({ status: 201 });
  expect(await post(`${core}/pods`, { metadata: { name: 'p' }, spec: template.spec })).toMatchObject({ status: 201 });
  await world.configure({
    mutating: true,
    rules: [rule('*', '*', '*', '*/scale'), rule('*', '*', '*', 'pods/binding'), rule('*', '*', '*', 'pods/eviction')],
  });
  const path = '/apis/apps/v1/namespaces/default/deployments/d/scale';
  const scaled = await world.send({ method: 'PATCH', path, contentType: 'application/merge-patch+json', body: { spec: { replicas: 2 } } });
  expect(scaled).toMatchObject({ status: 200, json: { spec: { replicas: 5 } } });
  expect(await post(`${core}/pods/p/binding`, { metadata: { name: 'p' }, target: { name: 'n' } })).toMatchObject({ status: 201 });
  const evicted = await post(`${core}/pods/p/eviction`, { metadata: { name: 'p' }, apiVersion: 'policy/v1', kind: 'Eviction' });
  expect(evicted).toMatchObject({ status: 400, json: { message: 'admission webhook "hook.example.com" denied the request: stay' } });
  expect(await world.send({ method: 'GET', path: `${core}/pods/p` })).toMatchObject({ status: 200 });
  const seen = world.hooks.asked.map(({ body: { request } }) => [request.operation, request.subResource, request.kind.kind, request.object.kind, request.oldObject?.kind]);
  expect(seen).toEqual([
    ['UPDATE', 'scale', 'Scale', 'Scale', 'Scale'],
    ['CREATE', 'binding', 'Binding', 'Binding', undefined],
    ['CREATE', 'eviction', 'Eviction', 'Eviction', undefined],
  ]);
});

test('many large warnings do not grow the headers of an answer without end', async () => {
  const warnings = Array.from({ length: 500 }, (_, index) => `${index} ${'x'.repeat(10_000)}`);
  await using world = await aWorld(allow({ warnings }));
  await world.configure({});
  const { status, headers } = await world.create('one');
  expect(status).toBe(201);
  expect(String(headers['warning']).length).toBeLessThan(8192);
});

test('a webhook that is gone, and that is asked about everything, does not keep the server from starting', async () => {
  const store = new MemoryStore({ clock: systemClock });
  const options = { definitions, clock: systemClock, rng: systemRng, log: silentLogger, nodeApi: () => undefined };
  const start = () => createApiServer({ store, ...options, authorizationModes: ['RBAC'], advertiseAddress: '192.0.2.7' });
  const authority = await anAuthority();
  const tls = { ...(await authority.issue('CN=berth', 'server')), clientCa: authority.cert, address: '127.0.0.1', port: 0 };
  const webhook = {
    name: 'all.example.com',
    clientConfig: { url: 'https://127.0.0.1:1' },
    rules: [{ apiGroups: ['*'], apiVersions: ['*'], operations: ['*'], resources: ['*/*'] }],
    sideEffects: 'None',
    admissionReviewVersions: ['v1'],
  };
  {
    await using first = await start();
    await first.listen(tls);
    const client = new KubeClient(first.transport());
    await client.create(resources.validatingwebhookconfigurations, { metadata: { name: 'all' }, webhooks: [webhook] } as never);
    await expect.poll(() => client.create(resources.configmaps, { metadata: { name: 'x', namespace: 'default' } }).catch(({ message }) => message)).toMatch(/connection refused/);
  }
  // At another port: where it is reached is to be written anew.
  await using second = await start();
  await second.listen({ ...tls, clientCa: (await anAuthority()).cert });
  const client = new KubeClient(second.transport());
  expect(await client.delete(resources.validatingwebhookconfigurations, { name: 'all' })).toBeDefined();
  await store[Symbol.asyncDispose]();
});

test('a webhook cannot move an object to another namespace; where it leaves the namespace out, it is the request\'s', async () => {
  let operation: object = { op: 'replace', path: '/metadata/namespace', value: 'kube-system' };
  await using world = await aWorld(({ body }) => review(body, { allowed: true, ...patch(operation) }));
  await world.configure({ mutating: true, rules: [{ ...rule('*', '', 'v1', 'configmaps') }] });
  const message = 'the namespace of the provided object does not match the namespace sent on the request';
  expect(await world.create('one')).toMatchObject({ status: 400, json: { message } });
  operation = { op: 'remove', path: '/metadata/namespace' };
  expect(await world.create('one')).toMatchObject({ status: 201, json: { metadata: { namespace: 'default' } } });
  operation = { op: 'replace', path: '/metadata/namespace', value: 'kube-system' };
  const path = '/api/v1/namespaces/default/configmaps/one';
  const changed = await world.send({ method: 'PATCH', path, contentType: 'application/merge-patch+json', body: { data: { b: '2' } } });
  expect(changed).toMatchObject({ status: 400, json: { message } });
});

test('what has not the types of an answer is none, which the policy decides about', async () => {
  let response: object = {};
  await using world = await aWorld(({ body }) => review(body, response));
  await world.configure({});
  for (const [answer, why] of [
    [{ allowed: 'true' }, 'json: cannot unmarshal string into Go struct field AdmissionResponse.response.allowed of type bool'],
    [{ allowed: true, warnings: 'x' }, 'json: cannot unmarshal string into Go struct field AdmissionResponse.response.warnings of type []string'],
    [{ allowed: true, patch: '%%' }, 'illegal base64 data at input byte 0'],
    [{ allowed: false, status: { code: '5' } }, 'json: cannot unmarshal string into Go struct field Status.response.status.code of type int32'],
  ] as const) {
    response = answer;
    const { status, json } = await world.create('one');
    expect([status, json.message]).toEqual([500, `Internal error occurred: failed calling webhook "hook.example.com": failed to call webhook: ${why}`]);
  }
});

test('of a collection that is deleted each object is asked about, without a name, and what is said reaches the client', async () => {
  await using world = await aWorld(allow({ warnings: ['gone for good'] }));
  await world.create('one');
  await world.configure({ rules: [rule('DELETE', '', 'v1', 'configmaps')], matchConditions: [{ name: 'deleted', expression: 'object == null && !has(object.data) && oldObject != null' }] });
  const { status, headers } = await world.send({ method: 'DELETE', path: '/api/v1/namespaces/default/configmaps?propagationPolicy=Foreground&dryRun=All' });
  expect([status, headers['warning']]).toEqual([200, '299 - "gone for good"']);
  const asked = world.hooks.asked.map(({ body }) => body.request).filter(({ oldObject }) => oldObject.metadata.name === 'one');
  expect(asked).toMatchObject([{ operation: 'DELETE', object: null, dryRun: true, options: { kind: 'DeleteOptions', propagationPolicy: 'Foreground' } }]);
  expect(asked[0]).not.toHaveProperty('name');
});

test('those who validate a change see which state it replaces, where the request names none, too', async () => {
  await using world = await aWorld(allow());
  const { json: made } = await world.create('one');
  const rules = [rule('UPDATE', '', 'v1', 'configmaps')];
  await world.configure({ rules });
  await world.configure({ rules, configuration: 'b', mutating: true });
  const path = '/api/v1/namespaces/default/configmaps/one';
  const { json } = await world.send({ method: 'PUT', path, body: { metadata: { name: 'one' }, data: { a: '2' } } });
  expect(json.metadata.resourceVersion).not.toBe(made.metadata.resourceVersion);
  const [mutating, validating] = world.hooks.asked.map(({ body }) => body.request.object.metadata.resourceVersion);
  expect([mutating, validating]).toEqual([undefined, made.metadata.resourceVersion]);
});

test('a rule that names what a wildcard before it has is refused', async () => {
  await using world = await aWorld(allow());
  const path = '/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations';
  const webhook = { name: 'h.example.com', clientConfig: { url: 'https://h/x' }, sideEffects: 'None', admissionReviewVersions: ['v1'] };
  const refused = async (...list: string[]) => {
    const body = { metadata: { name: 'a' }, webhooks: [{ ...webhook, rules: [{ ...rule('*', '', 'v1', ''), resources: list }] }] };
    const { status, json } = await world.send({ method: 'POST', path: `${path}?dryRun=All`, body });
    return status === 201 ? [] : json.details.causes.map(({ field, message }: { field: string; message: string }) => `${field} ${message}`);
  };
  const at = 'webhooks[0].rules[0].resources[1] Invalid value:';
  expect(await refused('pods/*', 'pods/status')).toEqual([`${at} "pods/status": if 'pods/*' is present, must not specify pods/status`]);
  expect(await refused('*/scale', 'pods/scale')).toEqual([`${at} "pods/scale": if '*/scale' is present, must not specify pods/scale`]);
  expect(await refused('pods/status', 'pods/*', '*/scale')).toEqual([]);
});

test('who deletes a namespace means that one, which is asked about once', async () => {
  await using world = await aWorld(allow());
  await world.configure({ rules: [rule('DELETE', '', 'v1', 'namespaces')] });
  const { json: made } = await world.send({ method: 'POST', path: '/api/v1/namespaces', body: { metadata: { name: 'doomed' } } });
  const remove = (preconditions?: object) => world.send({ method: 'DELETE', path: '/api/v1/namespaces/doomed', ...(preconditions && { body: { kind: 'DeleteOptions', apiVersion: 'v1', preconditions } }) });
  const words = `Operation cannot be fulfilled on namespaces "doomed": Precondition failed: UID in precondition: other, UID in object meta: ${made.metadata.uid}`;
  expect((await remove({ uid: 'other' })).json).toMatchObject({ code: 409, message: words, details: { name: 'doomed', kind: 'namespaces' } });
  expect(world.hooks.asked).toEqual([]);
  for (const _ of ['once', 'and again']) expect((await remove()).json).toMatchObject({ kind: 'Namespace', status: { phase: 'Terminating' } });
  const { uid } = made.metadata;
  expect(world.hooks.asked.map(({ body }) => body.request.options)).toEqual([{ kind: 'DeleteOptions', apiVersion: 'meta.k8s.io/v1', preconditions: { uid } }]);
});

test('what admits an object may say that it is being deleted, and which state it replaces', async () => {
  const at = '2030-01-01T00:00:00Z';
  const deleted = patch({ op: 'add', path: '/metadata/deletionTimestamp', value: at }, { op: 'add', path: '/metadata/deletionGracePeriodSeconds', value: 5 });
  const another = patch({ op: 'add', path: '/metadata/resourceVersion', value: '1' });
  await using world = await aWorld(({ body }) => review(body, { allowed: true, ...(body.request.operation === 'CREATE' ? deleted : another) }));
  await world.configure({ mutating: true, rules: [rule('*', '', 'v1', 'configmaps')] });
  expect((await world.create('one')).json.metadata).toMatchObject({ deletionTimestamp: at, deletionGracePeriodSeconds: 5 });
  const path = '/api/v1/namespaces/default/configmaps/one';
  const message = 'Operation cannot be fulfilled on configmaps "one": the object has been modified; please apply your changes to the latest version and try again';
  expect((await world.send({ method: 'PUT', path, body: { metadata: { name: 'one' } } })).json).toMatchObject({ code: 409, message });
  expect((await world.send({ method: 'PATCH', path, contentType: 'application/merge-patch+json', body: { data: { a: '2' } } })).json).toMatchObject({ code: 409, message });
});
