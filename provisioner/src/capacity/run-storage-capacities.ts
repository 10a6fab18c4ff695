import { Backoff, runController, WorkQueue } from '@berth/kit';
import { resources } from '@berth/kube';
import type { ConnectedDriver } from '../driver/connect-driver.ts';
import type { ClaimView } from '../provision/claim-view.ts';
import { segmentsOfCluster } from '../provision/topology.ts';
import type { ProvisionerSettings } from '../provisioner-settings.ts';
import { retryConflicts } from '../retry-conflicts.ts';
import type { SidecarOptions } from '../start-provisioner.ts';
import { StorageCapacities } from './storage-capacities.ts';

export interface CapacityParts {
  readonly settings: ProvisionerSettings;
  readonly driver: ConnectedDriver;
  readonly view: ClaimView;
}

/** Tells schedulers what room the driver has, until `signal` aborts. */
export async function runStorageCapacities(
  { client, informers, clock, log }: SidecarOptions,
  { settings, driver, view }: CapacityParts,
  signal: AbortSignal,
): Promise<void> {
  const { capacity, nodeName, retryIntervalStartMs, retryIntervalMaxMs } = settings;
  if (!capacity) return;
  const nodes = informers.of(resources.nodes);
  const csiNodes = driver.hasTopology ? informers.of(resources.csinodes) : undefined;
  const segments = () => {
    if (!csiNodes) return [{}];
    const running = csiNodes.list().filter(({ metadata }) => nodeName === undefined || metadata.name === nodeName);
    return segmentsOfCluster(running, { driverName: driver.name, nodes: (name) => nodes.get(name) });
  };
  const capacities = new StorageCapacities({
    client: client.as('csi-provisioner'),
    capacities: informers.of(resources.csistoragecapacities),
    view,
    driver,
    settings: capacity,
    nodeName,
    segments,
  });
  const queue = new WorkQueue({
    clock,
    backoff: new Backoff({ initialMs: retryIntervalStartMs, maxMs: retryIntervalMaxMs }),
  });
  using handlers = new DisposableStack();
  const addAll = () => {
    for (const key of capacities.all()) queue.add(key);
  };
  handlers.use(capacities.watch(queue));
  // A node's segment comes with its driver, and goes with it.
  let known = '';
  const look = () => {
    const now = JSON.stringify(segments());
    if (now !== known) addAll();
    known = now;
  };
  handlers.use(nodes.onChange(look));
  if (csiNodes) handlers.use(csiNodes.onChange(look));
  addAll();
  await runController({
    name: 'capacity',
    queue,
    reconcile: retryConflicts((key, stop) => capacities.reconcile(key, stop)),
    workers: 1,
    log,
    signal,
  });
}
