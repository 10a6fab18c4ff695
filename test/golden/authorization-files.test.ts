import { createLogger, systemClock } from '@berth/kit';
import { afterAll, expect, test } from 'vitest';
import { MemoryStore } from '../../orchestrator/src/index.ts';
import { anApiServer } from '../harness/api-server.ts';
import { aFile, aKubeconfig } from '../harness/kubeconfig-file.ts';
import { aWebhookServer } from '../harness/webhook-server.ts';

const alone = anApiServer();
afterAll(async () => (await alone)[Symbol.asyncDispose]());

type More = NonNullable<NonNullable<Parameters<typeof anApiServer>[0]>['more']>;

async function aWorld(more: More) {
  using tokens = aFile('jane-token,jane,7,"devs"\njoe-token,joe,8\n');
  const api = await anApiServer({ authentication: { tokenAuthFile: tokens.path }, more });
  const as = async (name: string, method: string, path: string) => {
    const headers = { authorization: `Bearer ${name}-token` };
    const { status, text } = await api.send({ method, path, certificate: false, headers });
    return status === 200 ? 200 : [status, text.startsWith('{') ? JSON.parse(text).message : text];
  };
  /** What `kubectl auth can-i --list` shows. */
  const rules = async (name: string) => {
    const headers = { authorization: `Bearer ${name}-token` };
    const body = { spec: { namespace: 'default' } };
    const path = '/apis/authorization.k8s.io/v1/selfsubjectrulesreviews';
    const { text } = await api.send({ method: 'POST', path, contentType: 'application/json', certificate: false, headers, body });
    return JSON.parse(text).status;
  };
  return { api, as, rules, [Symbol.asyncDispose]: () => api[Symbol.asyncDispose]() };
}

const pods = (namespace: string) => `/api/v1/namespaces/${namespace}/pods`;

test('a policy file says who may do what', async () => {
  using file = aFile(
    [
      '# people',
      '{"apiVersion": "abac.authorization.kubernetes.io/v1beta1", "kind": "Policy", "spec": {"group": "devs", "namespace": "default", "resource": "pods", "readonly": true}}',
      '',
      '{"user": "joe", "namespace": "kube-system"}',
      '{"apiVersion": "abac.authorization.kubernetes.io/v1beta1", "kind": "Policy"}',
      '{"apiVersion": "abac.authorization.kubernetes.io/v1beta1", "kind": "Policy", "spec": {"group": "system:authenticated", "apiGroup": "authorization.k8s.io", "resource": "selfsubjectrulesreviews"}}',
      '{"apiVersion": "abac.authorization.kubernetes.io/v1beta1", "kind": "Policy", "spec": {"user": "*", "nonResourcePath": "/api*", "readonly": true}}',
    ].join('\n'),
  );
  await using world = await aWorld({ authorizationModes: ['ABAC'], authorization: { policyFile: file.path } });
  expect(await world.as('jane', 'GET', pods('default'))).toBe(200);
  expect(await world.as('jane', 'GET', '/apis')).toBe(200);
  // No line has it for anybody.
  expect(await world.as('jane', 'GET', '/version')).toEqual([403, expect.anything()]);
  expect(await world.as('joe', 'GET', pods('kube-system'))).toBe(200);
  expect(await world.as('joe', 'GET', pods('default'))).toEqual([
    403,
    'pods is forbidden: User "joe" cannot list resource "pods" in API group "" in the namespace "default": No policy matched.',
  ]);
  expect(await world.as('jane', 'DELETE', pods('default'))).toEqual([403, expect.anything()]);
  // A star is everyone who is known.
  const unknown = await world.api.send({ method: 'GET', path: '/apis', certificate: false });
  expect([unknown.status, unknown.text]).toEqual([403, expect.stringContaining('User \\"system:anonymous\\" cannot get path')]);
  expect(await world.rules('jane')).toEqual({
    resourceRules: [{ verbs: ['get', 'list', 'watch'], apiGroups: [''], resources: ['pods'] }],
    // Listed by namespace, as upstream does: a line of paths has none.
    nonResourceRules: [],
    incomplete: false,
  });
});

test('health and version are for whom system:public-info-viewer is bound to, and to be read alone', async () => {
  await using api = await anApiServer({ more: { authorizationModes: ['RBAC'] } });
  const statusOf = async (method: string, path: string) => (await api.send({ method, path, certificate: false })).status;
  const paths = ['/healthz', '/livez', '/readyz', '/version'];
  for (const path of paths) expect([path, await statusOf('GET', path), await statusOf('POST', path)]).toEqual([path, 200, 403]);
  await api.send({ method: 'DELETE', path: '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/system:public-info-viewer' });
  for (const path of paths) await expect.poll(() => statusOf('GET', path), { message: path }).toBe(403);
});

// What kube-apiserver 1.36.3 does: that one reads as another is a matter of reading, who the other is is none.
test('a policy to read is one to be another who reads, with one that lets one be the other', async () => {
  const policy = (spec: object) =>
    JSON.stringify({ apiVersion: 'abac.authorization.kubernetes.io/v1beta1', kind: 'Policy', spec });
  using file = aFile(
    [
      policy({ user: 'jane', namespace: 'default', resource: 'pods', readonly: true }),
      policy({ user: 'jane', apiGroup: 'authentication.k8s.io', resource: 'users' }),
      policy({ user: 'bob', namespace: '*', resource: '*' }),
    ].join('\n'),
  );
  await using world = await aWorld({ authorizationModes: ['ABAC'], authorization: { policyFile: file.path } });
  const headers = { authorization: 'Bearer jane-token', 'impersonate-user': 'bob' };
  const asBob = async (method: string, path: string) =>
    (await world.api.send({ method, path, certificate: false, headers })).status;
  expect(await asBob('GET', pods('default'))).toBe(200);
  expect(await asBob('DELETE', pods('default'))).toBe(403);
  expect(await asBob('GET', pods('kube-system'))).toBe(403);
});

test.each([
  ['{"user": 7}', /line 1: .*json: cannot unmarshal number into Go struct field Policy.user of type string$/],
  ['{', /line 1: \{: couldn't get version\/kind; json parse error: unexpected end of JSON input$/],
  ['hello', /line 1: hello: couldn't get version\/kind; json parse error: json: cannot unmarshal string into Go value/],
  ['{"apiVersion": "abac.authorization.kubernetes.io/v1beta1", "spec": {}}', /: converting \(v1beta1.Policy\) to \(v0.Policy\): unknown conversion$/],
  ['{"apiVersion": "abac.authorization.kubernetes.io/v1beta1", "kind": "Policy", "spec": "x"}', /: json: cannot unmarshal string into Go struct field Policy.spec of type v1beta1.PolicySpec$/],
  ['{"kind": "Role", "apiVersion": "v1"}', /no kind "Role" is registered for version "v1"/],
])('a policy file with %s stops the start', async (line, words) => {
  using file = aFile(line);
  const store = new MemoryStore({ clock: systemClock });
  const said: string[] = [];
  const log = createLogger({ level: 'debug', now: () => 0, write: (text) => void said.push(text) });
  const start = aWorld({ authorizationModes: ['ABAC'], authorization: { policyFile: file.path }, store, log });
  await expect(start).rejects.toThrow(words);
  // Nothing of it goes on, which would miss the store.
  await store[Symbol.asyncDispose]();
  await new Promise(setImmediate);
  expect(said.filter((text) => text.includes('error'))).toEqual([]);
});

test('a webhook is asked who may do what, and its answers are kept', async () => {
  await using hooks = await aWebhookServer(({ body }) => ({
    ...body,
    status: { allowed: body.spec.user === 'jane', reason: `because ${body.spec.user}` },
  }));
  using kubeconfig = aKubeconfig(hooks);
  const authorization = { webhookConfigFile: kubeconfig.path, webhookVersion: 'v1' } as const;
  await using world = await aWorld({ authorizationModes: ['RBAC', 'Webhook'], authorization });
  expect(await world.as('jane', 'GET', pods('default'))).toBe(200);
  expect(await world.as('jane', 'GET', pods('default'))).toBe(200);
  expect(await world.as('joe', 'GET', pods('default'))).toEqual([
    403,
    'pods is forbidden: User "joe" cannot list resource "pods" in API group "" in the namespace "default": because joe',
  ]);
  expect(await world.rules('jane')).toMatchObject({
    incomplete: true,
    evaluationError: 'webhook authorizer does not support user rule resolution',
  });
  expect(hooks.asked).toHaveLength(2);
  expect(hooks.asked[0]?.headers.authorization).toBe('Bearer from-the-api-server');
  const { text } = await world.api.send({ method: 'GET', path: '/metrics' });
  expect(text).toContain('apiserver_authorization_webhook_evaluations_total{name="default",result="success"} 2\n');
  expect(hooks.asked[0]?.body).toEqual({
    kind: 'SubjectAccessReview',
    apiVersion: 'authorization.k8s.io/v1',
    metadata: {},
    spec: {
      resourceAttributes: { namespace: 'default', verb: 'list', version: 'v1', resource: 'pods' },
      user: 'jane',
      groups: ['devs', 'system:authenticated'],
      uid: '7',
    },
    status: { allowed: false },
  });
});

test('a webhook that denies ends the matter; one that fails is an error, unless another allows', async () => {
  let answer: (body: { spec: { user: string } }) => object | undefined = () => ({ status: { allowed: false, denied: true, reason: 'never' } });
  await using hooks = await aWebhookServer(({ body }, response) => answer(body) ?? void response.writeHead(403, { 'content-type': 'text/plain' }).end('go away'));
  using kubeconfig = aKubeconfig(hooks);
  const authorization = { webhookConfigFile: kubeconfig.path, webhookCacheUnauthorizedTtlMs: 0 };
  await using world = await aWorld({ authorizationModes: ['Webhook', 'AlwaysAllow'], authorization });
  expect(await world.as('jane', 'GET', pods('default'))).toEqual([403, expect.stringMatching(/never$/)]);
  expect(await world.as('jane', 'GET', '/a&b')).toEqual([403, 'forbidden: User "jane" cannot get path "/a&amp;b": never']);
  expect(hooks.asked[0]?.body).toMatchObject({ apiVersion: 'authorization.k8s.io/v1beta1', spec: { group: ['devs', 'system:authenticated'] } });
  answer = () => undefined;
  expect(await world.as('jane', 'GET', pods('default'))).toBe(200);
  await using alone = await aWorld({ authorizationModes: ['Webhook'], authorization });
  expect(await alone.as('jane', 'GET', pods('default'))).toEqual([500, `Internal Server Error: "${pods('default')}": go away\n`]);
  // What was asked for is told as it came, without what a browser might take for a tag.
  expect(await alone.as('jane', 'GET', '/none?a=1&b=%3C')).toEqual([500, 'Internal Server Error: "/none?a=1&amp;b=%3C": go away\n']);
  const headers = { authorization: 'Bearer jane-token', connection: 'upgrade', upgrade: 'websocket' };
  const exec = await alone.api.send({ method: 'GET', path: `${pods('default')}/x/exec?command=a`, certificate: false, headers });
  expect([exec.status, exec.text]).toEqual([500, `Internal Server Error: "${pods('default')}/x/exec?command=a": go away\n`]);
});

const reviews = '/apis/authorization.k8s.io/v1';
const both = { resourceAttributes: { verb: 'get', resource: 'pods' }, nonResourceAttributes: { path: '/x', verb: 'get' } };

/** Words are upstream's (pkg/apis/authorization/validation, pkg/registry/authentication/tokenreview). */
test.each<[what: string, path: string, body: object, causes: readonly [field: string, message: string][]]>([
  [
    'of two things at once',
    `${reviews}/subjectaccessreviews`,
    { spec: { user: 'u', ...both } },
    [['spec.nonResourceAttributes', 'Invalid value: {"Path":"/x","Verb":"get"}: cannot be specified in combination with resourceAttributes']],
  ],
  [
    'of nothing, by nobody',
    `${reviews}/subjectaccessreviews`,
    { spec: {} },
    [
      ['spec.resourceAttributes', 'Invalid value: null: exactly one of nonResourceAttributes or resourceAttributes must be specified'],
      ['spec.user', 'Invalid value: "": at least one of user or group must be specified'],
    ],
  ],
  [
    'with a name and a selector that says nothing',
    `${reviews}/selfsubjectaccessreviews`,
    { metadata: { name: 'n' }, spec: { resourceAttributes: { fieldSelector: {}, labelSelector: { requirements: [{ key: 'a', operator: 'In' }] } } } },
    [
      [
        'spec.resourceAttributes.fieldSelector.requirements',
        'Required value: when spec.resourceAttributes.fieldSelector is specified, requirements or rawSelector is required',
      ],
      ['spec.resourceAttributes.labelSelector.requirements[0].values', "Required value: must be specified when `operator` is 'In' or 'NotIn'"],
      ['metadata', expect.stringMatching(/^Invalid value: \{"name":"n".*\}: must be empty$/) as string],
    ],
  ],
  [
    'of another namespace than its own',
    `${reviews}/namespaces/default/localsubjectaccessreviews`,
    { spec: { user: 'u', resourceAttributes: { namespace: 'other' } } },
    [['spec.resourceAttributes.namespace', 'Invalid value: "other": must match metadata.namespace']],
  ],
])('a review %s is invalid', async (_, path, body, causes) => {
  const { send } = await alone;
  const { status, text } = await send({ method: 'POST', path, contentType: 'application/json', body });
  expect([status, JSON.parse(text).details.causes.map((cause: { field: string; message: string }) => [cause.field, cause.message])]).toEqual([422, causes]);
});

test('a review of no token is refused', async () => {
  const { send } = await alone;
  const path = '/apis/authentication.k8s.io/v1/tokenreviews';
  const { status, text } = await send({ method: 'POST', path, contentType: 'application/json', body: { spec: {} } });
  expect([status, JSON.parse(text).message]).toEqual([400, 'token is required for TokenReview in authentication']);
});

const configured = (...authorizers: object[]) =>
  JSON.stringify({ apiVersion: 'apiserver.config.k8s.io/v1', kind: 'AuthorizationConfiguration', authorizers });
const rbac = { type: 'RBAC', name: 'rbac' };

function aHook(name: string, kubeConfigFile: string, more: object = {}) {
  const webhook = {
    timeout: '3s',
    subjectAccessReviewVersion: 'v1',
    matchConditionSubjectAccessReviewVersion: 'v1',
    failurePolicy: 'Deny',
    connectionInfo: { type: 'KubeConfigFile', kubeConfigFile },
    ...more,
  };
  return { type: 'Webhook', name, webhook };
}

test('a file names several webhooks, which requests are for each, and what it is when one does not answer', async () => {
  await using first = await aWebhookServer(({ body }) => ({ ...body, status: { allowed: body.spec.resourceAttributes?.namespace === 'default' } }));
  await using broken = await aWebhookServer((_, response) => void response.writeHead(403, { 'content-type': 'text/plain' }).end('go away'));
  using firstFile = aKubeconfig(first);
  using brokenFile = aKubeconfig(broken);
  const onlyJoe = { matchConditions: [{ expression: 'request.user == "joe"' }, { expression: 'has(request.resourceAttributes)' }] };
  const unsaid = { matchConditions: [{ expression: 'request.resourceAttributes.fieldSelector.requirements.size() > 0' }], failurePolicy: 'NoOpinion' };
  using config = aFile(configured(aHook('first', firstFile.path, unsaid), aHook('broken', brokenFile.path, onlyJoe), rbac));
  await using world = await aWorld({ authorization: { configFile: config.path } });
  // Of what has no selector the condition cannot be told, and others decide.
  expect(await world.as('jane', 'GET', pods('default'))).toEqual([500, expect.stringContaining('no such key: fieldSelector')]);
  expect(await world.as('jane', 'GET', `${pods('default')}?fieldSelector=spec.nodeName%3Dn1,metadata.namespace!%3Dx&labelSelector=${encodeURIComponent('a in (b,c),!d,e=f')}`)).toBe(200);
  expect(first.asked[0]?.body.spec.resourceAttributes).toEqual({
    namespace: 'default',
    verb: 'list',
    version: 'v1',
    resource: 'pods',
    fieldSelector: {
      requirements: [
        { key: 'metadata.namespace', operator: 'NotIn', values: ['x'] },
        { key: 'spec.nodeName', operator: 'In', values: ['n1'] },
      ],
    },
    labelSelector: {
      requirements: [
        { key: 'a', operator: 'In', values: ['b', 'c'] },
        { key: 'd', operator: 'DoesNotExist' },
        { key: 'e', operator: 'In', values: ['f'] },
      ],
    },
  });
  // Who is denied is told why nobody could say, and RBAC is not asked.
  expect(await world.as('joe', 'GET', `${pods('kube-system')}?fieldSelector=metadata.name!%3Dx`)).toEqual([500, expect.stringContaining('go away')]);
  expect(broken.asked.length).toBeGreaterThan(0);
  // A path is none of the second's.
  expect(await world.as('joe', 'GET', '/version')).toBe(200);
  const metrics = (await world.api.send({ method: 'GET', path: '/metrics' })).text.split('\n');
  const counts = (name: string) => metrics.filter((line) => line.startsWith(`apiserver_authorization_${name}`)).sort();
  expect(counts('webhook_evaluations_total')).toEqual([
    'apiserver_authorization_webhook_evaluations_total{name="broken",result="error"} 1',
    'apiserver_authorization_webhook_evaluations_total{name="first",result="success"} 2',
  ]);
  expect(counts('decisions_total')).toContain('apiserver_authorization_decisions_total{decision="allowed",name="first",type="Webhook"} 1');
  expect(counts('decisions_total')).toContain('apiserver_authorization_decisions_total{decision="denied",name="broken",type="Webhook"} 1');
  expect(counts('match_condition_exclusions_total').length + counts('match_condition_evaluation_errors_total').length).toBe(2);
});

test('a file of authorizers that changes counts at once, and one that is wrong changes nothing', async () => {
  await using hook = await aWebhookServer(({ body }) => ({ ...body, status: { allowed: true } }));
  using kubeconfig = aKubeconfig(hook);
  using config = aFile(configured(rbac));
  await using world = await aWorld({ authorization: { configFile: config.path } });
  const counted = async (status: string) => {
    const { text } = await world.api.send({ method: 'GET', path: '/metrics' });
    const name = `apiserver_authorization_config_controller_automatic_reloads_total\\{status="${status}"\\} (\\d+)`;
    return Number(new RegExp(name).exec(text)?.[1] ?? 0);
  };
  const asked = async () => [await world.as('jane', 'GET', pods('default'))].flat()[0];
  expect(await asked()).toBe(403);
  config.replace(configured(aHook('w', kubeconfig.path)));
  await expect.poll(() => counted('failure')).toBe(1);
  expect(await asked()).toBe(403);
  config.replace(configured(rbac, { type: 'Node', name: 'node' }, aHook('w', kubeconfig.path)));
  await expect.poll(() => counted('failure')).toBe(2);
  expect(await asked()).toBe(403);
  config.replace(configured(rbac, aHook('w', kubeconfig.path)));
  await expect.poll(() => counted('success')).toBe(1);
  expect(await asked()).toBe(200);
});
