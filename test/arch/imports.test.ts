import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { expect, test } from 'vitest';

const root = join(import.meta.dirname, '../..');

/** Who may import whom: siblings meet only on a wire (docs/architecture.md). */
const allowed: Record<string, readonly string[]> = {
  kit: [],
  protos: ['kit'],
  linux: ['kit'],
  'nfs-client': ['kit'],
  fuse: ['kit', 'linux'],
  kube: ['kit', 'protos'],
  'csi-driver': ['kit', 'protos', 'linux', 'nfs-client', 'fuse'],
  provisioner: ['kit', 'protos', 'kube'],
  'volume-manager': ['kit', 'protos', 'kube', 'linux'],
  csictl: ['kit', 'protos', 'kube', 'linux', 'nfs-client'],
  orchestrator: ['kit', 'protos', 'kube', 'linux', 'provisioner', 'volume-manager'],
};

function sources(folder: string): string[] {
  return readdirSync(join(root, folder, 'src'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => join(root, folder, 'src', name));
}

const importPattern = /(?:from|import)\s*\(?\s*'([^']+)'/g;

for (const [folder, may] of Object.entries(allowed)) {
  test(`${folder} imports only ${may.join(', ') || 'nothing of ours'}, through their doors`, () => {
    const wrong = sources(folder).flatMap((file) =>
      [...readFileSync(file, 'utf8').matchAll(importPattern)]
        .map(([, specifier]) => specifier as string)
        .filter((specifier) => isForbidden(specifier, file, folder, may))
        .map((specifier) => `${relative(root, file)}: ${specifier}`),
    );
    expect(wrong).toEqual([]);
  });
}

function isForbidden(specifier: string, file: string, folder: string, may: readonly string[]): boolean {
  const target = join(file, '..', specifier);
  if (specifier.startsWith('.') && file.endsWith('.test.ts') && target.startsWith(join(root, 'test/harness')))
    return false;
  if (specifier.startsWith('.')) return !target.startsWith(join(root, folder, 'src'));
  if (!specifier.startsWith('@berth/')) return false;
  return !may.includes(specifier.slice('@berth/'.length));
}
