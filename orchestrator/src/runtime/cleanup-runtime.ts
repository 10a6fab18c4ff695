import { readdirSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock, Logger } from '@berth/kit';
import { isErrno, type Mounter } from '@berth/linux';
import { removePodNetwork } from '../network/pod-network.ts';
import { cgroupProcesses, detectCgroups, removeCgroup } from './cgroups.ts';
import { identifyProcess, isAlive, signalProcess } from './process-id.ts';
import type { ProcessId } from './records.ts';
import { StateLayout } from './state-layout.ts';

export interface CleanupOptions {
  readonly stateDir: string;
  readonly mounter: Mounter;
  readonly clock: Clock;
  readonly log: Logger;
}

const killPatienceMs = 10_000;

/**
 * Removes everything an embedded runtime of `stateDir` has on this machine: containers, their monitors, mounts, pinned namespaces,
 * interfaces, addresses, firewall rules, cgroups and its state. Found by names derived from the path, so that no record is needed.
 * The runtime must not be running. Idempotent.
 */
export async function cleanupRuntime(options: CleanupOptions): Promise<void> {
  const { stateDir, mounter, log } = options;
  const layout = new StateLayout(stateDir);
  const cgroups = detectCgroups();
  const { cgroupRoot } = layout.identity;
  const targets = async () =>
    [...processesNaming(stateDir), ...(await cgroupProcesses(cgroups, cgroupRoot))].flatMap(
      (pid) => identifyProcess(pid) ?? [],
    );
  await killAll(options, targets);
  for (const { mountPoint } of mounter.mounts().toReversed()) {
    if (!mountPoint.startsWith(`${stateDir}/`)) continue;
    unmountQuietly(mounter, mountPoint);
  }
  await removePodNetwork(layout);
  await removeCgroup(cgroups, cgroupRoot);
  await rm(stateDir, { recursive: true, force: true });
  log.info('removed containers and their traces', { stateDir });
}

/** Monitors first die with their containers: a conmon that outlives its container would only write an exit file. */
async function killAll({ clock, log }: CleanupOptions, targets: () => Promise<ProcessId[]>): Promise<void> {
  const endAt = clock.monotonicMs() + killPatienceMs;
  for (let alive = await targets(); alive.length > 0; alive = await targets()) {
    for (const process of alive) signalProcess(process, 'SIGKILL');
    if (clock.monotonicMs() > endAt) {
      log.warn('processes survive SIGKILL', { pids: alive.filter(isAlive).map(({ pid }) => pid) });
      return;
    }
    await clock.sleep(5);
  }
}

/** conmon, the OCI runtime and the holders of shared PID namespaces carry a path of the state directory in their arguments. */
function processesNaming(stateDir: string): number[] {
  const programs = new Set(['conmon', 'runc', 'crun', 'unshare', 'nsenter']);
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .map(Number)
    .filter((pid) => {
      try {
        const [program = '', ...args] = readFileSync(join('/proc', String(pid), 'cmdline'), 'utf8').split('\0');
        return programs.has(program.split('/').at(-1) ?? '') && args.some((arg) => arg.includes(`${stateDir}/`));
      } catch {
        return false;
      }
    });
}

function unmountQuietly(mounter: Mounter, mountPoint: string): void {
  try {
    mounter.unmount(mountPoint, { lazy: true });
  } catch (error) {
    if (!isErrno(error, 'EINVAL', 'ENOENT')) throw error;
  }
}
