import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { startTask } from '@berth/kit';
import { LeadershipLostError, runAsLeader, startInformers } from '@berth/kube';
import { type ControlPlaneOptions, startControlPlane } from './control-plane.ts';

const retryMs = 1_000;

export interface ElectedOptions extends Omit<ControlPlaneOptions, 'informers'> {
  /** See {@link candidateOf}. */
  readonly identity: string;
}

/**
 * Who runs from a data directory of this machine. One process at a time does, so that the next one may take over at once what
 * a killed one held, instead of waiting for the lease to end.
 */
export async function candidateOf(dataDir: string): Promise<string> {
  const machine = await readFile('/etc/machine-id', 'utf8').catch(() => '');
  const id = createHash('sha256').update(`${machine.trim()}\n${dataDir}`).digest('hex').slice(0, 32);
  return `${hostname()}_${id}`;
}

/**
 * Scheduler and controllers where several processes have them: those of one at a time run, that of the Lease
 * kube-controller-manager in kube-system. Ends give the lease up, so that another goes on at once.
 */
export function startElectedControlPlane(options: ElectedOptions, signal: AbortSignal): AsyncDisposable {
  const { clock, log, rng, identity } = options;
  const client = options.client.as('kube-controller-manager');
  const election = { client, name: 'kube-controller-manager', namespace: 'kube-system', identity, clock, log, rng };
  const run = async (stop: AbortSignal) => {
    while (!stop.aborted) {
      try {
        await runAsLeader(election, (leading) => lead(options, leading), stop);
      } catch (error) {
        if (stop.aborted) return;
        if (!(error instanceof LeadershipLostError)) log.warn('cannot run the controllers, will try again', { error });
        await clock.sleep(retryMs, stop).catch(() => undefined);
      }
    }
  };
  return startTask('leader election', run, { log, signal });
}

/** Informers of its own: what a former leader had seen may be old. */
async function lead(options: ElectedOptions, signal: AbortSignal): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const informers = stack.use(startInformers(options.client, options, signal));
  stack.use(await startControlPlane({ ...options, informers }, signal));
  await new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
