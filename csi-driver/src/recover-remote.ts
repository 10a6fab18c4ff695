import { Backoff, BusyError, type Clock, type Guard, type Rng, runController, startTask, WorkQueue } from '@berth/kit';
import type { Whereabouts } from './backend/backends.ts';
import type { Recovery } from './recover.ts';
import type { CopyJobs } from './services/copy-jobs.ts';
import { snapshotKey } from './services/create-snapshot.ts';
import { removeSnapshot } from './services/delete-snapshot.ts';
import { removeVolume } from './services/delete-volume.ts';

export interface RemoteRecovery extends Recovery {
  readonly guard: Guard;
  readonly jobs: CopyJobs;
  readonly clock: Clock;
  readonly rng: Rng;
}

/** Two: one server that is away must not keep what is on another. */
const workers = 2;
/** How long a call of the CO about the same thing is left alone. */
const busyMs = 5000;
const noSignal = new AbortController().signal;

/**
 * Ends what a crash left half-done on servers, in the background, each as soon as its server answers: the start waits
 * for none. What its CO has taken up again meanwhile is left to it.
 */
export function recoverRemote(recovery: RemoteRecovery): AsyncDisposable {
  const { catalog, backends, clock, rng, log } = recovery;
  const queue = new WorkQueue({
    clock,
    backoff: new Backoff({ initialMs: 1000, maxMs: 60_000, jitter: 0.2, rng }),
  });
  const isRemote = (record: Whereabouts) => backends.find(record)?.backend.remote === true;
  for (const one of catalog.unfinished()) if (isRemote(one)) queue.add(`volume/${one.id}`);
  for (const one of catalog.snapshots.unfinished()) {
    if (isRemote(one)) queue.add(`snapshot/${one.id}`);
  }
  const reconcile = async (key: string) => {
    try {
      await undo(recovery, key);
      return undefined;
    } catch (error) {
      if (error instanceof BusyError) return { afterMs: busyMs };
      throw error;
    }
  };
  return startTask(
    'recovery on servers',
    (signal) => runController({ name: 'recover-remote', queue, reconcile, workers, log, signal }),
    { log, signal: noSignal },
  );
}

async function undo(recovery: RemoteRecovery, key: string): Promise<void> {
  const { catalog, guard, jobs } = recovery;
  // Ids of what is on servers have more of them.
  const kind = key.slice(0, key.indexOf('/'));
  const id = key.slice(kind.length + 1);
  const record = kind === 'volume' ? catalog.find(id) : catalog.snapshots.find(id);
  if (!record || record.state === 'ready') return;
  if (jobs.has(id)) throw new BusyError(id);
  using _claim = guard.claim(id, kind === 'volume' ? record.name : snapshotKey(record.name));
  if ('sourceVolumeId' in record) await removeSnapshot(recovery, record);
  else await removeVolume(recovery, record);
}
