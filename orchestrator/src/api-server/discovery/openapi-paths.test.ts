import { expect, test } from 'vitest';
import { aServer } from '../server.test-harness.ts';

test('operations without parameters have no list of them, as Go writes none that is empty', async () => {
  await using s = await aServer();
  const { paths } = (await s.client.raw({ method: 'GET', path: '/openapi/v3/apis/apps/v1' })) as {
    paths: Record<string, Record<string, { parameters?: readonly unknown[] }>>;
  };
  const { get, put } = paths['/apis/apps/v1/namespaces/{namespace}/deployments/{name}'] ?? {};
  expect(get).not.toHaveProperty('parameters');
  expect(put?.parameters).toHaveLength(3);
});
