import { expect, test } from 'vitest';
import { aServer } from '../server.test-harness.ts';

test('what nobody is known to own because its lists lack their keys is not applied to, in upstream’s words', async () => {
  await using server = await aServer();
  const transport = server.server.transport();
  const path = '/api/v1/namespaces/default/serviceaccounts';
  const body = { kind: 'ServiceAccount', apiVersion: 'v1', metadata: { name: 'a' } };
  await transport.request({ method: 'POST', path, body: { ...body, secrets: [{}] } });
  const contentType = 'application/apply-patch+yaml';
  const apply = transport.request({ method: 'PATCH', path: `${path}/a?fieldManager=me&force=true`, contentType, body });
  await expect(apply).rejects.toMatchObject({
    status: {
      code: 500,
      message: expect.stringMatching(
        /^failed to create manager for existing fields: failed to convert new object \(default\/a; \/v1, Kind=ServiceAccount\) to smd typed: .*\.secrets: element 0: associative list with keys has an element that omits all key fields/s,
      ),
    },
  });
});
