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
