import { inspectCached, linuxMounter } from '@berth/linux';
import type { cri } from '@berth/protos';
import { expect, test } from 'vitest';
import { containerMounts } from './container-mounts.ts';

async function optionsOf(hostPath: string, readonly: boolean): Promise<readonly string[]> {
  const mount: Partial<cri.Mount> = { hostPath, containerPath: '/v', readonly, propagation: 'PROPAGATION_PRIVATE' };
  const config = { mounts: [mount] } as cri.ContainerConfig;
  const files = { resolvConf: '/r', hostname: '/n', hosts: '/h' };
  const mounts = await containerMounts({ config, files, shm: '/s', hostIpc: false });
  return mounts.find(({ destination }) => destination === '/v')!.options;
}

test('a volume that is only read keeps what its mount forbids; one that is written needs no remount', async () => {
  // Every machine has one, for its terminals or its cgroups.
  const { mountPoint } = linuxMounter
    .mounts()
    .find(({ id, mountPoint, options }) => options.includes('noexec') && inspectCached(mountPoint).mountId === id)!;
  const readOnly = await optionsOf(mountPoint, true);
  expect(readOnly).toContain('noexec');
  expect([readOnly.slice(0, 2), readOnly.at(-1)]).toEqual([['rbind', 'rprivate'], 'ro']);
  expect(await optionsOf(mountPoint, false)).toEqual(['rbind', 'rprivate', 'rw']);
});
