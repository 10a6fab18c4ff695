import { expect, test } from 'vitest';
import { aServer } from '../server.test-harness.ts';

test('kinds without fields have no list of them', async () => {
  await using s = await aServer();
  const { components } = (await s.client.raw({ method: 'GET', path: '/openapi/v3/apis/apiextensions.k8s.io/v1' })) as {
    components: { schemas: Record<string, object> };
  };
  const empty =
    components.schemas['io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceSubresourceStatus'];
  expect(empty).toMatchObject({ type: 'object' });
  expect(empty).not.toHaveProperty('properties');
});

test('operations without parameters have no list of them, as Go writes none that is empty', async () => {
  await using s = await aServer();
  const { paths } = (await s.client.raw({ method: 'GET', path: '/openapi/v3/apis/apps/v1' })) as {
    paths: Record<string, Record<string, { parameters?: readonly unknown[] }>>;
  };
  const { get, put } = paths['/apis/apps/v1/namespaces/{namespace}/deployments/{name}'] ?? {};
  expect(get).not.toHaveProperty('parameters');
  expect(put?.parameters).toHaveLength(3);
});

interface Document {
  readonly paths: Record<string, { readonly get: { readonly operationId: string; readonly responses: object } }>;
  readonly components: { readonly schemas: Record<string, object> };
}

test('each path of discovery has a document of its own, of what it answers, in the index with its hash', async () => {
  await using s = await aServer();
  const get = (path: string) => s.client.raw({ method: 'GET', path }) as Promise<unknown>;
  const { paths } = (await get('/openapi/v3')) as { paths: Record<string, { serverRelativeURL: string }> };
  expect(Object.keys(paths)).toEqual(Object.keys(paths).sort());
  for (const [path, url, operationId, schema] of [
    ['api', '/api/', 'getCoreAPIVersions', 'apis.meta.v1.APIVersions'],
    ['apis', '/apis/', 'getAPIVersions', 'apis.meta.v1.APIGroupList'],
    ['apis/apps', '/apis/apps/', 'getAppsAPIGroup', 'apis.meta.v1.APIGroup'],
    [
      'apis/rbac.authorization.k8s.io',
      '/apis/rbac.authorization.k8s.io/',
      'getRbacAuthorizationAPIGroup',
      'apis.meta.v1.APIGroup',
    ],
    ['version', '/version/', 'getCodeVersion', 'version.Info'],
    ['openid/v1/jwks', '/openid/v1/jwks/', 'getServiceAccountIssuerOpenIDKeyset', undefined],
  ] as const) {
    const asked = paths[path]?.serverRelativeURL ?? '';
    expect(asked).toMatch(/\?hash=[0-9A-F]{128}$/);
    const document = (await get(asked)) as Document;
    expect(Object.keys(document.paths)).toEqual([url]);
    expect(document.paths[url]?.get.operationId).toBe(operationId);
    const known = Object.keys(document.components.schemas ?? {});
    expect(known).toEqual(schema === undefined ? [] : expect.arrayContaining([`io.k8s.apimachinery.pkg.${schema}`]));
    for (const [, name] of JSON.stringify(document).matchAll(/#\/components\/schemas\/([^"]+)/g))
      expect(known).toContain(name);
  }
  for (const path of ['apis/none.example.com', 'api/v2', 'logs', 'constructor'])
    await expect(get(`/openapi/v3/${path}`)).rejects.toThrow();
});

test('a version tells the list of its resources, and subresources what they are sent', async () => {
  await using s = await aServer();
  const { paths, components } = (await s.client.raw({ method: 'GET', path: '/openapi/v3/apis/apps/v1' })) as Document;
  expect(paths['/apis/apps/v1/']?.get.operationId).toBe('getAppsV1APIResources');
  const scale = paths['/apis/apps/v1/namespaces/{namespace}/deployments/{name}/scale'];
  expect(JSON.stringify(scale)).not.toContain('v1.Deployment"');
  expect(JSON.stringify(scale?.get.responses)).toContain('#/components/schemas/io.k8s.api.autoscaling.v1.Scale"');
  expect(components.schemas).toHaveProperty(['io.k8s.api.autoscaling.v1.ScaleSpec']);
});
