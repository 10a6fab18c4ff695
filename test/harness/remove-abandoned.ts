import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { silentLogger, systemClock } from '@berth/kit';
import { linuxMounter } from '@berth/linux';
import { cleanupRuntime } from '../../orchestrator/src/runtime/cleanup-runtime.ts';
import { abandoned, disown } from './owned-directory.ts';

const root = join(import.meta.dirname, '../..');
const program = join(root, 'orchestrator/src/berth/main.ts');

/** Takes away what tests that were killed have left on this machine. @returns their directories. */
export async function removeAbandoned(): Promise<string[]> {
  const directories = abandoned();
  for (const directory of directories) await remove(directory);
  return directories;
}

async function remove(directory: string): Promise<void> {
  if (existsSync(join(directory, 'berth.lock'))) {
    const flags = readFileSync(join(root, 'scripts/node-flags'), 'utf8').trim().split(' ');
    const down = [...flags, program, 'down', '--data-dir', directory, '--purge'];
    execFileSync(join(root, 'node_modules/.bin/node'), down, { stdio: 'ignore', timeout: 120_000 });
  }
  for (const stateDir of stateDirs(directory)) {
    await cleanupRuntime({ stateDir, mounter: linuxMounter, clock: systemClock, log: silentLogger });
  }
  // Through a mount that could not be taken away somebody's files would be removed.
  if (linuxMounter.mounts().some(({ mountPoint }) => mountPoint.startsWith(`${directory}/`))) return;
  rmSync(directory, { recursive: true, force: true });
  disown(directory);
}

/** Of a runtime alone, of each node there is, and of the first nodes where the directory is gone and only its name is left. */
function stateDirs(directory: string): string[] {
  const nodes = join(directory, 'nodes');
  const names = new Set(['node-1', 'node-2', 'node-3', ...(existsSync(nodes) ? readdirSync(nodes) : [])]);
  return [join(directory, 'runtime'), ...[...names].map((name) => join(nodes, name, 'runtime'))];
}
