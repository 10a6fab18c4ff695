import { resources } from '@berth/kube';
import { expect, test } from 'vitest';
import { aConfigMap, aServer } from '../server.test-harness.ts';

/** Upstream's store says so, behind validation and admission, and is not asked in a dry run (etcd3 store Create). */
test('a revision on a new object is refused last of all', async () => {
  await using s = await aServer();
  const create = (name: string, dryRun = false) => {
    const map = aConfigMap(name);
    const body = { ...map, apiVersion: 'v1', kind: 'ConfigMap', metadata: { ...map.metadata, resourceVersion: '5' } };
    const path = `/api/v1/namespaces/default/configmaps${dryRun ? '?dryRun=All' : ''}`;
    return s.client.raw({ method: 'POST', path, body });
  };
  await expect(create('a')).rejects.toThrow('resourceVersion should not be set on objects to be created');
  await expect(create('A_')).rejects.toThrow('ConfigMap "A_" is invalid: metadata.name');
  await create('a', true);
  expect(await s.client.find(resources.configmaps, { namespace: 'default', name: 'a' })).toBeUndefined();
});
