import { expect, test } from 'vitest';
import { aContainer, aPod, podPath, type TestNode, testNode } from '../testing/test-node.ts';

const reason = (node: TestNode) => node.pod('p1')?.status?.containerStatuses?.[0]?.state?.waiting?.reason;

test.each([
  ['secret', 'secretKeyRef'],
  ['configmap', 'configMapKeyRef'],
])('a container starts as soon as the %s its environment lacks is there', async (kind, field) => {
  await using node = await testNode();
  const env = [{ name: 'A', valueFrom: { [field]: { name: 's', key: 'k' } } }];
  node.api.put(podPath('p1'), aPod({ containers: [aContainer({ env })] }));
  await node.until(() => reason(node) === 'CreateContainerConfigError', 'CreateContainerConfigError');
  const before = node.clock.now();
  const put = (name: string, data: object) =>
    node.api.put(`/api/v1/namespaces/default/${kind}s/${name}`, {
      metadata: { name, namespace: 'default' },
      data,
    } as never);
  put('other', { k: 'eA==' });
  put('s', { other: 'eA==' });
  await node.settled();
  expect(reason(node)).toBe('CreateContainerConfigError');
  put('s', { k: 'eA==' });
  await node.until(() => node.pod('p1')?.status?.phase === 'Running', 'Running');
  expect(node.clock.now() - before).toBeLessThan(5000);
});
