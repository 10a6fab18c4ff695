import { mkdtempDisposableSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { podNetwork } from './pod-subnets.ts';

const place = () => mkdtempDisposableSync(join(tmpdir(), 'berth-pod-subnets-'));

test('pods have a network that services have no addresses of, and keep it', async () => {
  using folder = place();
  const services = ['10.128.0.0/9', 'fd00::/112'];
  const chosen = await podNetwork(folder.path, services);
  expect(chosen.clusterCidr).toMatch(/^10\.1(1[2-9]|2[0-7])\.0\.0\/16$/);
  expect(chosen.subnet(3)).toBe(chosen.clusterCidr.replace('.0.0/16', '.3.0/24'));
  expect((await podNetwork(folder.path, ['10.96.0.0/16'])).clusterCidr).toBe(chosen.clusterCidr);
});

test('services that would have addresses of the pods’ network are refused, and none is chosen for them', async () => {
  using folder = place();
  await expect(podNetwork(folder.path, ['10.0.0.0/8'])).rejects.toThrow(
    /^--service-cluster-ip-range 10\.0\.0\.0\/8 has addresses of the pods' network, 10\.112\.0\.0\/16$/,
  );
  writeFileSync(join(folder.path, 'network.json'), '{"octet":200}');
  await expect(podNetwork(folder.path, ['10.200.7.0/24'])).rejects.toMatchObject({
    message: "--service-cluster-ip-range 10.200.7.0/24 has addresses of the pods' network, 10.200.0.0/16",
    hint: expect.stringContaining('network.json'),
  });
});
