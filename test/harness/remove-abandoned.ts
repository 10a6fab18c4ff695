import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { silentLogger, systemClock } from '@berth/kit';
import { linuxMounter } from '@berth/linux';
import { detachLoopsBelow } from '../../orchestrator/src/berth/detach-loops.ts';
import { cleanupRuntime } from '../../orchestrator/src/runtime/cleanup-runtime.ts';
import { leftoversBelow, stateDirsOf } from './leftovers.ts';
import { abandoned, disown } from './owned-directory.ts';

const root = join(import.meta.dirname, '../..');
const program = join(root, 'orchestrator/src/berth/main.ts');

/** What a test that was killed left. */
export interface Removed {
  readonly directory: string;
  readonly test: string;
  /** What the machine had of it, a line each. */
  readonly left: readonly string[];
  /** What stood in the way. */
  readonly error?: Error;
}

/** Takes away what tests that were killed have left on this machine. */
export async function removeAbandoned(): Promise<Removed[]> {
  const removed: Removed[] = [];
  for (const { directory, test } of abandoned()) {
    const left = leftoversBelow(directory);
    try {
      await remove(directory);
      removed.push({ directory, test, left });
    } catch (error) {
      // The next run tries again; the others are not to stay for it.
      removed.push({ directory, test, left, error: error as Error });
    }
  }
  return removed;
}

async function remove(directory: string): Promise<void> {
  if (existsSync(join(directory, 'berth.lock'))) {
    const flags = readFileSync(join(root, 'scripts/node-flags'), 'utf8').trim().split(' ');
    const down = [...flags, program, 'down', '--data-dir', directory, '--purge'];
    execFileSync(join(root, 'node_modules/.bin/node'), down, { stdio: ['ignore', 'ignore', 'pipe'], timeout: 120_000 });
  }
  for (const stateDir of stateDirsOf(directory)) {
    await cleanupRuntime({ stateDir, mounter: linuxMounter, clock: systemClock, log: silentLogger });
  }
  await detachLoopsBelow(directory, silentLogger);
  for (const { mountPoint } of linuxMounter.mounts().toReversed()) {
    if (`${mountPoint}/`.startsWith(`${directory}/`)) linuxMounter.unmount(mountPoint, { lazy: true });
  }
  // Through a mount that could not be taken away somebody's files would be removed.
  if (linuxMounter.mounts().some(({ mountPoint }) => mountPoint.startsWith(`${directory}/`))) return;
  rmSync(directory, { recursive: true, force: true });
  disown(directory);
}
