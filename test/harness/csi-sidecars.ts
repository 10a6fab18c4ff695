import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { goModule, moduleHash } from './go-program.ts';
import { goProgram } from './go-toolchain.ts';
import { madeOnce, testCache } from './made-once.ts';

/** Versions are pinned by go.mod and go.sum there; all are built against one release of Kubernetes' libraries. */
const source = join(import.meta.dirname, 'csi-sidecars');
const name = `csi-sidecars/${moduleHash(source)}`;

/**
 * A folder with the official sidecars: those that are there already, or, where `BERTH_SIDECARS=1` allows the minutes it
 * takes, built from their Go modules, once. @throws Error – they do not build.
 */
export function officialSidecars(): string | undefined {
  if (process.env['BERTH_SIDECARS'] !== '1' && !existsSync(join(testCache, name))) return undefined;
  return madeOnce(name, (target, work) => {
    mkdirSync(target);
    cpSync(source, work, { recursive: true });
    // The flags are those of all programs built here, so that what they have in common is compiled once.
    execFileSync(goProgram(), ['build', '-trimpath', '-buildvcs=false', '-ldflags=-s -w', '-o', `${target}/`, 'tool'], {
      cwd: work,
      env: { ...process.env, CGO_ENABLED: '0', GOFLAGS: '-mod=readonly', GOWORK: 'off' },
      stdio: ['ignore', 'ignore', 'inherit'],
    });
  });
}

/** The folder of one of their modules, where the files are that its project ships, such as roles. @throws Error – it cannot be had. */
export function sidecarModule(module: string): string {
  const version = readFileSync(join(source, 'go.mod'), 'utf8').split(`\t${module} `)[1]?.split(/\s/)[0];
  return goModule(`${module}@${version}`);
}
