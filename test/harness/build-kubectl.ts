import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { builtGoProgram } from './go-program.ts';
import { testCache } from './made-once.ts';

/** Where a kubectl that was built here is kept, for all checkouts. */
export const kubectlCache = join(testCache, 'kubectl');

/** Builds `kubectl.MINOR` from its Go module, pinned; takes some minutes, once. @throws Error – there is no Go to build with. */
export function buildKubectl(minor: string): string {
  const version = `v0.${minor.split('.')[1]}.0`;
  const modules = [`k8s.io/kubectl@${version}`, `k8s.io/component-base@${version}`];
  const text = readFileSync(join(import.meta.dirname, 'kubectl-source/main.go'), 'utf8');
  return builtGoProgram({ name: `kubectl/kubectl.${minor}`, main: { text, modules } });
}
