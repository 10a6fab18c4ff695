import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { moduleHash } from './go-program.ts';
import { goProgram } from './go-toolchain.ts';
import { madeOnce, testCache } from './made-once.ts';

/** The Kubernetes project's own, by the names of their images. */
export const sidecarNames = [
  'csi-attacher',
  'csi-provisioner',
  'csi-resizer',
  'csi-snapshotter',
  'snapshot-controller',
] as const;

export type SidecarName = (typeof sidecarNames)[number];

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

/** The folder of a file of theirs, such as their own roles, as the module has it. @throws Error – it cannot be had. */
export function sidecarModule(module: string): string {
  const answer = execFileSync(goProgram(), ['list', '-m', '-f', '{{.Dir}}', module], {
    cwd: source,
    encoding: 'utf8',
    env: { ...process.env, GOFLAGS: '-mod=mod', GOWORK: 'off' },
  });
  return answer.trim();
}
