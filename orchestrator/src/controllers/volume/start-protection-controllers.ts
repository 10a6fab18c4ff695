import { Backoff, runController, startTask, WorkQueue } from '@berth/kit';
import { isConflict, isNotFound, resources } from '@berth/kube';
import type { ControllerDeps } from '../controller-deps.ts';
import { AttributesClassProtection } from './attributes-class-protection.ts';
import { ClaimProtection } from './claim-protection.ts';
import { LatestView } from './latest-view.ts';
import { LivePods } from './live-pods.ts';
import { claimKeysOf, indexPodsByClaim } from './pod-claims.ts';
import { VolumeProtection } from './volume-protection.ts';

const workers = 8;

/** The controllers that keep claims in use by pods, volumes bound to claims, and attributes classes of either from being removed. */
export function startProtectionControllers(deps: ControllerDeps, signal: AbortSignal): AsyncDisposable {
  return startTask('volume-protection', (stop) => run(deps, stop), { log: deps.log, signal });
}

async function run(deps: ControllerDeps, signal: AbortSignal): Promise<void> {
  const { informers, clock, log, queueObserver } = deps;
  const client = deps.client.as('kube-controller-manager');
  indexPodsByClaim(informers);
  const claims = new LatestView(informers.of(resources.persistentvolumeclaims));
  const volumes = new LatestView(informers.of(resources.persistentvolumes));
  const classProtection = new AttributesClassProtection(client, informers);
  const backoff = () => new Backoff({ initialMs: 5, maxMs: 300_000 });
  const queue = (name: string) => new WorkQueue({ clock, backoff: backoff(), observer: queueObserver?.(name) });
  const [claimQueue, volumeQueue, classQueue] = [queue('pvcprotection'), queue('pvprotection'), queue('vacprotection')];
  const wake = (key: string) => {
    if (claims.get(key)?.metadata.deletionTimestamp !== undefined) claimQueue.add(key);
  };
  using handlers = new DisposableStack();
  handlers.use(claims.informer.onChange((key, { after }) => after && claimQueue.add(key)));
  handlers.use(volumes.informer.onChange((name, { after }) => after && volumeQueue.add(name)));
  handlers.use(
    informers.of(resources.pods).onChange((_, { before, after }) => {
      // A pod that goes, ends or is rescheduled may have been the last user.
      for (const pod of [before, after]) if (pod) for (const key of claimKeysOf(pod)) wake(key);
    }),
  );
  handlers.use(classProtection.feed(classQueue));
  await informers.whenSynced(signal);
  const claimProtection = new ClaimProtection({ client, informers, claims, livePods: new LivePods(client) });
  const volumeProtection = new VolumeProtection(client, volumes);
  const shared = { workers, log, signal, isConflict: (error: unknown) => isConflict(error) || isNotFound(error) };
  await Promise.all([
    runController({
      ...shared,
      name: 'pvc-protection',
      queue: claimQueue,
      reconcile: (key, stop) => claimProtection.sync(key, stop),
    }),
    runController({
      ...shared,
      name: 'pv-protection',
      queue: volumeQueue,
      reconcile: (name, stop) => volumeProtection.sync(name, stop),
    }),
    runController({
      ...shared,
      name: 'vac-protection',
      queue: classQueue,
      reconcile: (name, stop) => classProtection.sync(name, stop),
    }),
  ]);
}
