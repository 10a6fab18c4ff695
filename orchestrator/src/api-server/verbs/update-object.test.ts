import { resources } from '@berth/kube';
import { expect, test } from 'vitest';
import { aServer } from '../server.test-harness.ts';

test('a PUT creates what is not there of the kinds whose strategies allow it, of which quotas are none', async () => {
  await using s = await aServer();
  const metadata = { name: 'a', namespace: 'default' };
  await s.client.update(resources.limitranges, { metadata, spec: { limits: [] } });
  expect((await s.client.get(resources.limitranges, metadata)).metadata.uid).toBeTruthy();
  await expect(s.client.update(resources.resourcequotas, { metadata, spec: {} })).rejects.toThrow(
    'resourcequotas "a" not found',
  );
});
