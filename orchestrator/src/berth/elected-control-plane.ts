import { hostname } from 'node:os';
import { startTask } from '@berth/kit';
import { LeadershipLostError, runAsLeader, startInformers } from '@berth/kube';
import { type ControlPlaneOptions, startControlPlane } from './control-plane.ts';

const retryMs = 1_000;

/**
 * Scheduler and controllers where several processes have them: those of one at a time run, that of the Lease
 * kube-controller-manager in kube-system. Ends give the lease up, so that another goes on at once.
 */
export function startElectedControlPlane(
  options: Omit<ControlPlaneOptions, 'informers'>,
  signal: AbortSignal,
): AsyncDisposable {
  const { clock, log, rng } = options;
  const identity = `${hostname()}_${rng.uuid()}`;
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
async function lead(options: Omit<ControlPlaneOptions, 'informers'>, signal: AbortSignal): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const informers = stack.use(startInformers(options.client, options, signal));
  stack.use(await startControlPlane({ ...options, informers }, signal));
  await new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
