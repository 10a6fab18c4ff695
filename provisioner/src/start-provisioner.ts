import { hostname } from 'node:os';
import { Backoff, type Clock, type Logger, Metrics, type Rng, runController, WorkQueue } from '@berth/kit';
import { type EventRecorder, type Informers, type KubeClient, resources } from '@berth/kube';
import { VolumeDeleter } from './delete/volume-deleter.ts';
import { VolumeUse } from './delete/volume-use.ts';
import { type ConnectedDriver, connectDriver } from './driver/connect-driver.ts';
import type { CsiClients } from './driver/csi-clients.ts';
import { CallJournal } from './provision/call-journal.ts';
import { ClaimProvisioner } from './provision/claim-provisioner.ts';
import { ClaimView } from './provision/claim-view.ts';
import { releaseSource } from './provision/clone-source.ts';
import { NodeShare } from './provision/node-share.ts';
import { ProvisionStats } from './provision/provision-stats.ts';
import { enqueueProtected, releaseUnused, watchRestores } from './provision/release-snapshots.ts';
import { VolumeMaker } from './provision/volume-maker.ts';
import { watchClaims } from './provision/watch-claims.ts';
import { defaultSettings, type ProvisionerSettings } from './provisioner-settings.ts';
import { retryConflicts } from './retry-conflicts.ts';
import { startSidecar } from './start-sidecar.ts';

export interface SidecarOptions {
  readonly client: KubeClient;
  readonly informers: Informers;
  /** {@link csiClients} of the connection to the driver's socket. */
  readonly csi: CsiClients;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly log: Logger;
  readonly recorder: (component: string) => EventRecorder;
  readonly metrics?: Metrics;
}

export interface ProvisionerOptions extends SidecarOptions {
  readonly settings?: Partial<ProvisionerSettings>;
}

/** Something that runs; `ready` resolves when it has reached the driver, read its caches and begun to work. */
export interface RunningSidecar extends AsyncDisposable {
  readonly ready: Promise<ConnectedDriver>;
}

/**
 * Provisions and deletes volumes of one CSI driver as external-provisioner 6.3 does: waits for the driver, then works
 * on claims that name it and volumes it made until `signal` aborts.
 */
export function startProvisioner(options: ProvisionerOptions, signal: AbortSignal): RunningSidecar {
  return startSidecar('provisioner', run, { options, signal });
}

async function run(options: ProvisionerOptions, begun: (driver: ConnectedDriver) => void, signal: AbortSignal) {
  const { informers, clock, log, metrics = new Metrics() } = options;
  const settings = { ...defaultSettings, ...options.settings };
  const { timeoutMs } = settings;
  const driver = await connectDriver({ clients: options.csi, clock, log, metrics, timeoutMs }, signal);
  await using journal = await CallJournal.load(settings.journalDir, log);
  const view = new ClaimView(informers, driver.name);
  // Drivers without topology get by without CSINodes; deletion looks at nodes and attachments anyway.
  informers.of(resources.nodes);
  informers.of(resources.volumeattachments);
  if (needsCsiNodes(driver, settings)) informers.of(resources.csinodes);
  if (settings.capacity) informers.of(resources.csistoragecapacities);
  await informers.whenSynced(signal);
  const parts = assemble(options, { settings, driver, journal, view, metrics });
  const queue = () =>
    new WorkQueue({
      clock,
      backoff: new Backoff({ initialMs: settings.retryIntervalStartMs, maxMs: settings.retryIntervalMaxMs }),
    });
  const queues = { claims: queue(), volumes: queue(), sources: queue(), snapshots: queue() };
  using _handlers = watch(parts, queues, { journal, view, driverName: driver.name });
  const { provisioner, deleter } = parts;
  const client = options.client.as('csi-provisioner');
  const shared = { workers: settings.workers, log, signal };
  const running = Promise.all([
    runController({
      ...shared,
      name: 'provision',
      queue: queues.claims,
      reconcile: retryConflicts((uid, stop) => provisioner.reconcile(uid, stop)),
    }),
    runController({
      ...shared,
      name: 'delete',
      queue: queues.volumes,
      reconcile: retryConflicts((name, stop) => deleter.reconcile(name, stop)),
    }),
    runController({
      ...shared,
      name: 'cloning-protection',
      queue: queues.sources,
      reconcile: retryConflicts(async (key, stop) => {
        const source = view.claims.get(key);
        const isFree = !source || (await releaseSource(source, { view, client }, stop));
        return isFree ? undefined : { afterMs: settings.retryIntervalStartMs };
      }),
    }),
    runController({
      ...shared,
      name: 'snapshot-protection',
      queue: queues.snapshots,
      reconcile: retryConflicts(releaseUnused(view, client)),
    }),
  ]);
  const telling = settings.capacity && tellCapacity(options, { settings, driver, view }, signal);
  begun(driver);
  const restores = driver.can('CREATE_DELETE_SNAPSHOT');
  const protectedOnes = restores && enqueueProtected(client, { queue: queues.snapshots, log, signal });
  await Promise.all([running, telling, protectedOnes]);
}

/** Loaded where it is asked for. */
async function tellCapacity(
  options: ProvisionerOptions,
  parts: Pick<Base, 'settings' | 'driver' | 'view'>,
  signal: AbortSignal,
): Promise<void> {
  const { runStorageCapacities } = await import('./capacity/run-storage-capacities.ts');
  await runStorageCapacities(options, parts, signal);
}

function needsCsiNodes(driver: ConnectedDriver, { nodeName }: ProvisionerSettings): boolean {
  return driver.hasTopology || nodeName !== undefined;
}

interface Base {
  readonly settings: ProvisionerSettings;
  readonly driver: ConnectedDriver;
  readonly journal: CallJournal;
  readonly view: ClaimView;
  readonly metrics: Metrics;
}

interface Parts {
  readonly provisioner: ClaimProvisioner;
  readonly deleter: VolumeDeleter;
  readonly use: VolumeUse;
  readonly share: NodeShare | undefined;
}

function assemble(options: ProvisionerOptions, base: Base): Parts {
  const { informers, clock, rng, log, recorder } = options;
  const { settings, driver, metrics } = base;
  const { nodeName } = settings;
  const client = options.client.as('csi-provisioner');
  const events = recorder(`${driver.name}_${nodeName ?? hostname()}_${rng.uuid()}`);
  // Asked for after the wait for caches: a cluster may grant no right to list pods, which are one of several signals.
  const use = new VolumeUse(informers);
  const nodes = informers.of(resources.nodes);
  const csiNodes = needsCsiNodes(driver, settings) ? informers.of(resources.csinodes) : undefined;
  const share =
    nodeName !== undefined && csiNodes
      ? new NodeShare({ nodeName, client, driver, nodes, csiNodes, clock })
      : undefined;
  const stats = new ProvisionStats(metrics, clock);
  const identity = `${clock.now()}-${Math.floor(rng.next() * 10_000)}-${driver.name}`;
  const shared = { ...base, client, events, clock, log, share, stats };
  const maker = new VolumeMaker({ ...shared, identity: nodeName ? `${identity}-${nodeName}` : identity });
  return {
    provisioner: new ClaimProvisioner({ ...shared, nodes, csiNodes, maker }),
    deleter: new VolumeDeleter({ ...shared, use }),
    use,
    share,
  };
}

interface Queues {
  readonly claims: WorkQueue;
  readonly volumes: WorkQueue;
  /** Claims that are cloned. */
  readonly sources: WorkQueue;
  /** Snapshots that volumes were made of. */
  readonly snapshots: WorkQueue;
}

function watch(
  { use, share, deleter }: Parts,
  { claims, volumes, sources, snapshots }: Queues,
  { journal, view, driverName }: Pick<Base, 'journal' | 'view'> & { readonly driverName: string },
): Disposable {
  const handlers = new DisposableStack();
  handlers.use(watchClaims(view, { queue: claims, journal, driverName }));
  handlers.use(watchRestores(view, { queue: snapshots, driverName }));
  handlers.use(view.volumes.onChange((name) => volumes.add(name)));
  handlers.use(
    view.claims.onChange((key, { after }) => {
      if (after?.metadata.deletionTimestamp) sources.add(key);
    }),
  );
  handlers.use(use.onRelease(() => deleter.waiting.forEach((name) => void volumes.add(name))));
  if (share) {
    const everything = () => {
      for (const { metadata } of view.waiting()) claims.add(metadata.uid ?? '');
      for (const { metadata } of view.volumes.list()) volumes.add(metadata.name ?? '');
    };
    handlers.use(share.onMembership(everything));
  }
  return handlers;
}
