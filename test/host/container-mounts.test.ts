import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { linuxMounter } from '@berth/linux';
import type { cri } from '@berth/protos';
import { expect, test } from 'vitest';
import { containerMounts } from '../../orchestrator/src/runtime/container-mounts.ts';

async function optionsOf(hostPath: string, readonly: boolean): Promise<readonly string[] | undefined> {
  const mount: Partial<cri.Mount> = { hostPath, containerPath: '/v', readonly, propagation: 'PROPAGATION_PRIVATE' };
  const config = { mounts: [mount] } as cri.ContainerConfig;
  const files = { resolvConf: '/r', hostname: '/n', hosts: '/h' };
  const mounts = await containerMounts({ config, files, shm: '/s', hostIpc: false });
  return mounts.find(({ destination }) => destination === '/v')?.options;
}

test('a volume that is only read keeps what its mount forbids; one that is written needs no remount', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'berth-mounts-'));
  linuxMounter.mount({ fsType: 'tmpfs', source: 'tmpfs', target: folder, options: ['noexec', 'nodev'] });
  try {
    expect(await optionsOf(folder, true)).toEqual(['rbind', 'rprivate', 'nodev', 'noexec', 'ro']);
    expect(await optionsOf(folder, false)).toEqual(['rbind', 'rprivate', 'rw']);
  } finally {
    linuxMounter.unmount(folder);
    rmSync(folder, { recursive: true });
  }
});
