import { rm } from 'node:fs/promises';
import type { Clock, Logger } from '@berth/kit';
import { isErrno, type Mounter } from '@berth/linux';
import { removePodNetwork } from '../network/pod-network.ts';
import { cgroupProcesses, detectCgroups, removeCgroup } from './cgroups.ts';
import { killUntilGone, processesNaming } from './processes-naming.ts';
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
  const { stateDir, mounter, clock, log } = options;
  const layout = new StateLayout(stateDir);
  const cgroups = detectCgroups();
  const { cgroupRoot } = layout.identity;
  const survivors = await killUntilGone(clock, killPatienceMs, async () => [
    ...processesNaming(`${stateDir}/`),
    ...(await cgroupProcesses(cgroups, cgroupRoot)),
  ]);
  if (survivors.length > 0) log.warn('processes survive SIGKILL', { pids: survivors });
  for (const { mountPoint } of mounter.mounts().toReversed()) {
    if (!mountPoint.startsWith(`${stateDir}/`)) continue;
    unmountQuietly(mounter, mountPoint);
  }
  await removePodNetwork(layout);
  const endAt = clock.monotonicMs() + killPatienceMs;
  while (!(await removeCgroup(cgroups, cgroupRoot)) && clock.monotonicMs() < endAt) await clock.sleep(5);
  await rm(stateDir, { recursive: true, force: true });
  log.info('removed containers and their traces', { stateDir });
}

function unmountQuietly(mounter: Mounter, mountPoint: string): void {
  try {
    mounter.unmount(mountPoint, { lazy: true });
  } catch (error) {
    if (!isErrno(error, 'EINVAL', 'ENOENT')) throw error;
  }
}
