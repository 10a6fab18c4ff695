import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { goProgram } from './go-toolchain.ts';

/** Debian's, which scripts/setup.mjs installs. */
export const debianEtcd = '/usr/bin/etcd';

const newer = 'v3.6.5';
const cached = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'berth', `etcd-${newer}`);

/** A 3.6 that is there already, or, where `BERTH_ETCD_36=1` allows the minutes it takes, is built from its Go module. */
export function newerEtcd(): string | undefined {
  if (existsSync(cached)) return cached;
  return process.env['BERTH_ETCD_36'] === '1' ? buildEtcd() : undefined;
}

function buildEtcd(): string {
  const go = goProgram();
  const folder = mkdtempSync(join(tmpdir(), 'berth-etcd-'));
  const run = (...args: string[]) => execFileSync(go, args, { cwd: folder, stdio: ['ignore', 'ignore', 'inherit'] });
  try {
    writeFileSync(
      join(folder, 'main.go'),
      'package main\n\nimport (\n\t"os"\n\n\t"go.etcd.io/etcd/server/v3/etcdmain"\n)\n\nfunc main() { etcdmain.Main(os.Args) }\n',
    );
    writeFileSync(join(folder, 'go.mod'), 'module etcd\n\ngo 1.24.0\n');
    run('get', `go.etcd.io/etcd/server/v3@${newer}`);
    run('mod', 'tidy');
    run('build', '-trimpath', '-ldflags=-s -w', '-o', 'etcd', '.');
    mkdirSync(join(cached, '..'), { recursive: true });
    copyFileSync(join(folder, 'etcd'), `${cached}.new`);
    renameSync(`${cached}.new`, cached);
    return cached;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
