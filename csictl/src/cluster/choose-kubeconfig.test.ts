import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Session } from '../session.ts';
import { chooseKubeconfig } from './choose-kubeconfig.ts';

const shell = { KUBECONFIG: '/shell:/more' };

test.each<
  [what: string, options: Partial<Session['options']>, env: Record<string, string>, chosen: string | undefined]
>([
  ["a data directory's mounts", {}, shell, 'own'],
  ["another driver's volumes", { endpoint: 'unix:///run/csi.sock' }, shell, '/shell'],
  ["another driver's volumes", {}, { ...shell, CSI_ENDPOINT: 'unix:///run/csi.sock' }, '/shell'],
  ["another kubelet's mounts", { kubeletDir: '/var/lib/kubelet' }, shell, '/shell'],
  ['where the shell knows none', { endpoint: 'unix:///run/csi.sock' }, {}, 'own'],
  ['what was asked for', { kubeconfig: '/named' }, shell, '/named'],
  ['a data directory without one', { dataDir: '/nonexistent' }, shell, '/shell'],
  ['nowhere', { dataDir: '/nonexistent' }, {}, undefined],
])('%s: %j with %j in the environment are compared with %s', (_, options, env, chosen) => {
  const dataDir = mkdtempSync(join(tmpdir(), 'berth-choose-'));
  try {
    const own = join(dataDir, 'admin.kubeconfig');
    writeFileSync(own, '');
    const session = { options: { dataDir, ...options }, terminal: { env } } as unknown as Session;
    expect(chooseKubeconfig(session)?.file).toBe(chosen === 'own' ? own : chosen);
  } finally {
    rmSync(dataDir, { recursive: true });
  }
});
