import { Backoff, Metrics, runController, WorkQueue } from '@berth/kit';
import { type Informers, type PersistentVolumeClaim, resources } from '@berth/kube';
import { type ConnectedDriver, connectDriver } from './driver/connect-driver.ts';
import { NodeShare } from './provision/node-share.ts';
import { expansionStatus, storageOf, wantsExpansion } from './resize/expansion-plan.ts';
import { ResizeObjects } from './resize/resize-objects.ts';
import { VolumeResizer } from './resize/volume-resizer.ts';
import { retryConflicts } from './retry-conflicts.ts';
import type { RunningSidecar, SidecarOptions } from './start-provisioner.ts';
import { startSidecar } from './start-sidecar.ts';

export interface ResizerSettings {
  readonly timeoutMs: number;
  readonly workers: number;
  readonly retryIntervalStartMs: number;
  readonly retryIntervalMaxMs: number;
  /** Set where one resizer runs beside every node's driver: it expands volumes of this node only. */
  readonly nodeName?: string;
}

/** external-resizer's flags and their defaults. */
const defaults: ResizerSettings = {
  timeoutMs: 10_000,
  workers: 10,
  retryIntervalStartMs: 1000,
  retryIntervalMaxMs: 300_000,
};

export interface ResizerOptions extends SidecarOptions {
  readonly settings?: Partial<ResizerSettings>;
}

/**
 * Expands volumes of one CSI driver as external-resizer 2.2 does, until `signal` aborts.
 * `ready` rejects where neither the driver's controller nor its node service can expand.
 */
export function startResizer(options: ResizerOptions, signal: AbortSignal): RunningSidecar {
  return startSidecar('resizer', run, { options, signal });
}

async function run(options: ResizerOptions, begun: (driver: ConnectedDriver) => void, signal: AbortSignal) {
  const { informers, clock, log, metrics = new Metrics() } = options;
  const settings = { ...defaults, ...options.settings };
  const { timeoutMs, workers, nodeName } = settings;
  const driver = await connectDriver({ clients: options.csi, clock, log, metrics, timeoutMs }, signal);
  const controllerExpands = driver.can('EXPAND_VOLUME');
  if (!controllerExpands && !(await nodeExpands(options, timeoutMs))) {
    throw new Error(`CSI driver ${driver.name} neither supports controller resize nor node resize`);
  }
  informers.of(resources.persistentvolumeclaims);
  informers.of(resources.persistentvolumes);
  if (nodeName !== undefined) {
    informers.of(resources.nodes);
    informers.of(resources.csinodes);
  }
  await informers.whenSynced(signal);
  // Asked for after the wait for caches, and only to spare a driver that refuses volumes in use a useless call.
  informers.of(resources.pods);
  const resizer = assemble(options, { settings, driver, controllerExpands });
  const queue = new WorkQueue({
    clock,
    backoff: new Backoff({ initialMs: settings.retryIntervalStartMs, maxMs: settings.retryIntervalMaxMs }),
  });
  using _handlers = watch(informers, queue);
  const reconcile = retryConflicts((key, stop) => resizer.reconcile(key, stop));
  const running = runController({ name: 'resize', queue, reconcile, workers, log, signal });
  begun(driver);
  await running;
}

async function nodeExpands({ csi }: ResizerOptions, timeoutMs: number): Promise<boolean> {
  const { capabilities } = await csi.node.NodeGetCapabilities({}, { timeoutMs });
  return capabilities.some(({ rpc }) => rpc?.type === 'EXPAND_VOLUME');
}

interface Parts {
  readonly settings: ResizerSettings;
  readonly driver: ConnectedDriver;
  readonly controllerExpands: boolean;
}

function assemble(options: ResizerOptions, { settings, driver, controllerExpands }: Parts): VolumeResizer {
  const { informers, clock, recorder } = options;
  const { nodeName } = settings;
  const client = options.client.as('csi-resizer');
  const events = recorder(`external-resizer ${driver.name}`);
  const [nodes, csiNodes] =
    nodeName === undefined ? [] : [informers.of(resources.nodes), informers.of(resources.csinodes)];
  const share =
    nodeName !== undefined && nodes && csiNodes
      ? new NodeShare({ nodeName, client, driver, nodes, csiNodes, clock })
      : undefined;
  return new VolumeResizer({
    client,
    informers,
    driver,
    objects: new ResizeObjects({ client, events, clock }),
    clock,
    controllerExpands,
    share,
    infeasibleRetryMs: settings.retryIntervalMaxMs,
  });
}

/** Own writes must not bring a claim back: a failure would be tried again without delay. */
function watch(informers: Informers, queue: WorkQueue): Disposable {
  const handlers = new DisposableStack();
  handlers.use(
    informers.of(resources.persistentvolumeclaims).onChange((key, { before, after }) => {
      if (!before || !after || asksAnew(before, after)) queue.add(key);
    }),
  );
  handlers.use(
    informers.of(resources.persistentvolumes).onChange((_, { before, after }) => {
      const { namespace, name } = after?.spec?.claimRef ?? {};
      if (!before && namespace && name) queue.add(`${namespace}/${name}`);
    }),
  );
  return handlers;
}

function asksAnew(before: PersistentVolumeClaim, after: PersistentVolumeClaim): boolean {
  const wanted = (claim: PersistentVolumeClaim) => storageOf(claim.spec?.resources?.requests)?.toString();
  if (wanted(before) !== wanted(after) || before.status?.phase !== after.status?.phase) return wantsExpansion(after);
  const [was, is] = [storageOf(before.status?.capacity)?.toString(), storageOf(after.status?.capacity)?.toString()];
  if (was !== is) return true;
  // A node gave up: the controller must say again what it may try.
  return expansionStatus(after) === 'NodeResizeInfeasible' && expansionStatus(before) !== 'NodeResizeInfeasible';
}
