import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';

import { goProgram } from './go-toolchain.ts';

/** Where a kubectl that was built here is kept, for all checkouts. */
export const kubectlCache = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'berth', 'kubectl');

/** Builds `kubectl.MINOR` from its Go module, pinned; takes some minutes, once. @throws Error – there is no Go to build with. */
export function buildKubectl(minor: string): string {
  const program = join(kubectlCache, `kubectl.${minor}`);
  if (existsSync(program)) return program;
  const go = goProgram();
  const folder = mkdtempSync(join(tmpdir(), 'berth-kubectl-'));
  const version = `v0.${minor.split('.')[1]}.0`;
  try {
    copyFileSync(join(import.meta.dirname, 'kubectl-source/main.go'), join(folder, 'main.go'));
    writeFileSync(join(folder, 'go.mod'), 'module kubectl\n\ngo 1.24.0\n');
    const run = (...args: string[]) => execFileSync(go, args, { cwd: folder, stdio: ['ignore', 'ignore', 'inherit'] });
    run('get', `k8s.io/kubectl@${version}`, `k8s.io/component-base@${version}`);
    run('mod', 'tidy');
    run('build', '-trimpath', '-ldflags=-s -w', '-o', 'kubectl', '.');
    mkdirSync(kubectlCache, { recursive: true });
    copyFileSync(join(folder, 'kubectl'), `${program}.new`);
    renameSync(`${program}.new`, program);
    return program;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
