import { Backoff, runController, startTask, WorkQueue } from '@berth/kit';
import { type Informers, isConflict, keyOf, resources } from '@berth/kube';
import type { ControllerDeps } from '../controller-deps.ts';
import { Binder } from './binder.ts';
import { claimKeyOf, classOf } from './binding-facts.ts';
import { BindingView } from './binding-view.ts';
import { ClaimSync } from './claim-sync.ts';
import { indexPodsByClaim } from './pod-claims.ts';
import { VolumeSync } from './volume-sync.ts';

/** Enough to keep the store's group commits full while 100 claims come at once. */
const workers = 16;

interface Queues {
  readonly claims: WorkQueue;
  readonly volumes: WorkQueue;
}

/**
 * Binds claims and volumes to each other and keeps their phases, as kube-controller-manager's persistentvolume
 * controller does, but driven by changes alone.
 */
export function startPersistentVolumeController(deps: ControllerDeps, signal: AbortSignal): AsyncDisposable {
  return startTask('persistentvolume', (stop) => run(deps, stop), { log: deps.log, signal });
}

async function run(deps: ControllerDeps, signal: AbortSignal): Promise<void> {
  const { informers, clock, log, recorder, queueObserver } = deps;
  const client = deps.client.as('kube-controller-manager');
  const events = recorder('persistentvolume-controller');
  indexPodsByClaim(informers);
  const view = new BindingView(informers);
  const binder = new Binder(client, view);
  const backoff = () => new Backoff({ initialMs: 5, maxMs: 300_000 });
  const queue = (name: string) => new WorkQueue({ clock, backoff: backoff(), observer: queueObserver?.(name) });
  const queues: Queues = { claims: queue('claims'), volumes: queue('volumes') };
  using handlers = new DisposableStack();
  watchClaims(view, queues, handlers);
  watchVolumes(view, queues, handlers);
  watchClasses(informers, view, { queues, handlers });
  await informers.whenSynced(signal);
  const claims = new ClaimSync({ client, informers, view, binder, events });
  const volumes = new VolumeSync({ client, view, binder, events, wakeClaim: (key) => queues.claims.add(key) });
  const shared = { workers, log, signal, isConflict };
  await Promise.all([
    runController({
      ...shared,
      name: 'persistentvolume-claims',
      queue: queues.claims,
      reconcile: (key, stop) => claims.sync(key, stop),
    }),
    runController({
      ...shared,
      name: 'persistentvolume-volumes',
      queue: queues.volumes,
      reconcile: (name, stop) => volumes.sync(name, stop),
    }),
  ]);
}

function watchClaims(view: BindingView, queues: Queues, handlers: DisposableStack): void {
  handlers.use(
    view.claims.informer.onChange((key, { after }) => {
      if (after) queues.claims.add(key);
      // Its volumes are to be released, or, where binding was half done, to go to another claim.
      if (!after || after.spec?.volumeName) {
        for (const volume of view.volumesOf(key)) queues.volumes.add(volume.metadata.name ?? '');
      }
    }),
  );
}

function watchVolumes(view: BindingView, queues: Queues, handlers: DisposableStack): void {
  handlers.use(
    view.volumes.informer.onChange((name, { before, after }) => {
      if (after) queues.volumes.add(name);
      if (!before || !after) for (const claim of view.claimsNaming(name)) queues.claims.add(keyOf(claim));
      if (after?.status?.phase !== 'Available') return;
      const reservedFor = claimKeyOf(after);
      if (reservedFor !== undefined) return queues.claims.add(reservedFor);
      for (const claim of view.unboundClaimsOf(classOf(after))) queues.claims.add(keyOf(claim));
    }),
  );
}

function watchClasses(
  informers: Informers,
  view: BindingView,
  { queues, handlers }: { queues: Queues; handlers: DisposableStack },
): void {
  handlers.use(
    informers.of(resources.storageclasses).onChange((name, { after }) => {
      if (!after) return;
      for (const claim of view.unboundClaimsOf(name)) queues.claims.add(keyOf(claim));
      for (const claim of view.unboundClaimsWithoutClass()) queues.claims.add(keyOf(claim));
    }),
  );
}
