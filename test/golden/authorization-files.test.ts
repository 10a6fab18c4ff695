import { expect, test } from 'vitest';
import { anApiServer } from '../harness/api-server.ts';
import { aFile, aKubeconfig } from '../harness/kubeconfig-file.ts';
import { aWebhookServer } from '../harness/webhook-server.ts';

type More = NonNullable<NonNullable<Parameters<typeof anApiServer>[0]>['more']>;

async function aWorld(more: More) {
  using tokens = aFile('jane-token,jane,7,"devs"\njoe-token,joe,8\n');
  const api = await anApiServer({ authentication: { tokenAuthFile: tokens.path }, more });
  const as = async (name: string, method: string, path: string) => {
    const headers = { authorization: `Bearer ${name}-token` };
    const { status, text } = await api.send({ method, path, certificate: false, headers });
    return status === 200 ? 200 : [status, text.startsWith('{') ? JSON.parse(text).message : text];
  };
  return { api, as, [Symbol.asyncDispose]: () => api[Symbol.asyncDispose]() };
}

const pods = (namespace: string) => `/api/v1/namespaces/${namespace}/pods`;

test('a policy file says who may do what', async () => {
  using file = aFile(
    [
      '# people',
      '{"apiVersion": "abac.authorization.kubernetes.io/v1beta1", "kind": "Policy", "spec": {"group": "devs", "namespace": "default", "resource": "pods", "readonly": true}}',
      '',
      '{"user": "joe", "namespace": "kube-system"}',
      '{"apiVersion": "abac.authorization.kubernetes.io/v1beta1", "kind": "Policy", "spec": {"user": "*", "nonResourcePath": "/api*", "readonly": true}}',
    ].join('\n'),
  );
  await using world = await aWorld({ authorizationModes: ['ABAC'], authorization: { policyFile: file.path } });
  expect(await world.as('jane', 'GET', pods('default'))).toBe(200);
  expect(await world.as('jane', 'GET', '/apis')).toBe(200);
  expect(await world.as('joe', 'GET', pods('kube-system'))).toBe(200);
  expect(await world.as('joe', 'GET', pods('default'))).toEqual([
    403,
    'pods is forbidden: User "joe" cannot list resource "pods" in API group "" in the namespace "default": No policy matched.',
  ]);
  expect(await world.as('jane', 'DELETE', pods('default'))).toEqual([403, expect.anything()]);
});

test.each([
  ['{"user": 7}', /line 1: .*cannot unmarshal number/],
  ['{', /line 1/],
  ['{"kind": "Role", "apiVersion": "v1"}', /no kind "Role" is registered for version "v1"/],
])('a policy file with %s stops the start', async (line, words) => {
  using file = aFile(line);
  await expect(aWorld({ authorizationModes: ['ABAC'], authorization: { policyFile: file.path } })).rejects.toThrow(words);
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
  expect(hooks.asked).toHaveLength(2);
  expect(hooks.asked[0]?.headers.authorization).toBe('Bearer from-the-api-server');
  expect(hooks.asked[0]?.body).toEqual({
    kind: 'SubjectAccessReview',
    apiVersion: 'authorization.k8s.io/v1',
    metadata: { creationTimestamp: null },
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
  expect(hooks.asked[0]?.body).toMatchObject({ apiVersion: 'authorization.k8s.io/v1beta1', spec: { group: ['devs', 'system:authenticated'] } });
  answer = () => undefined;
  expect(await world.as('jane', 'GET', pods('default'))).toBe(200);
  await using alone = await aWorld({ authorizationModes: ['Webhook'], authorization });
  expect(await alone.as('jane', 'GET', pods('default'))).toEqual([500, `Internal Server Error: "${pods('default')}": go away`]);
});
