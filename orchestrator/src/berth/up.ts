import { type Clock, type Logger, type LogLevel, type Rng, systemClock, systemRng } from '@berth/kit';
import { KubeClient, startInformers } from '@berth/kube';
import { linuxMounter, returnMemoryWhenQuiet } from '@berth/linux';
import type { PluginChoice } from '../api-server/admission/plugin-names.ts';
import type { ServiceRanges } from '../api-server/admission/service-allocation.ts';
import type { DebugOptions } from '../api-server/debug/debug-options.ts';
import type { LimitOptions } from '../api-server/limits/limit-options.ts';
import { Images } from '../images/image-store.ts';
import { toolsImage, toolsImageName } from '../images/tools-image.ts';
import { schedulerName } from '../scheduler/scheduler.ts';
import { SchedulerMetrics } from '../scheduler/scheduler-metrics.ts';
import type { AccessOptions } from './access-flags.ts';
import { announce } from './announce.ts';
import { checkPort } from './check-port.ts';
import { countedObjects, startControlPlane } from './control-plane.ts';
import { electedComponents, ownComponents } from './control-plane-components.ts';
import type { DataDir } from './data-dir.ts';
import { candidateOf, startElectedControlPlane } from './elected-control-plane.ts';
import type { EtcdChoice } from './etcd-flags.ts';
import { writeKubeconfigs } from './kubeconfig.ts';
import { checkMachine } from './machine-check.ts';
import { type NodeStack, startNode } from './node-stack.ts';
import { ensurePki, readAuthority } from './pki.ts';
import { podNetwork } from './pod-subnets.ts';
import { type ExtraPool, poolsOfNode } from './pool-flag.ts';
import { prepareOutputs } from './prepare-outputs.ts';
import { remoteNodes } from './remote-nodes.ts';
import { serverLog } from './server-log.ts';
import { machineAddress, serverNames } from './server-names.ts';
import { signingAs } from './service-account-flags.ts';
import { startServer } from './start-server.ts';
import { ensureStorageObjects } from './storage-objects.ts';
import type { Terminal } from './terminal.ts';
import { usedImageIds } from './used-images.ts';

export interface UpOptions extends AccessOptions {
  readonly data: DataDir;
  readonly etcd: EtcdChoice | undefined;
  readonly address: string;
  readonly port: number;
  readonly nodes: number;
  readonly admissionPlugins: PluginChoice;
  readonly limits: LimitOptions;
  readonly services: ServiceRanges;
  /** How long processors stay awake after a request; 0: they halt as they like. */
  readonly idlePollMs: number;
  readonly debug: DebugOptions;
  readonly kubeconfig?: string;
  readonly readyFile?: string;
  readonly logLevel: LogLevel;
  readonly terminal: Terminal;
  readonly signal: AbortSignal;
  readonly driverCommand: readonly [string, ...string[]];
  readonly pools: readonly ExtraPool[];
}

interface Context extends UpOptions {
  readonly clock: Clock;
  readonly rng: Rng;
  readonly log: Logger;
}

/** `berth up`: starts everything, says when it is ready, and stays until the signal; pods and mounts outlive it. */
export async function up(options: UpOptions): Promise<void> {
  const { data, signal, terminal } = options;
  checkMachine();
  data.checkPath(options.nodes);
  // What is refused anyway leaves no new folder behind.
  if (!data.isOurs) await checkPort(options);
  await prepareOutputs(options, 'before');
  using _ = await data.take();
  await prepareOutputs(options, 'after');
  const { log, debug } = serverLog(options);
  const context: Context = { ...options, clock: systemClock, rng: systemRng, log, debug };
  const stopped = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
  try {
    await using stack = new AsyncDisposableStack();
    const images = await startAll(context, stack);
    stack.use(returnMemoryWhenQuiet(systemClock));
    void tidyImages(images, log);
    await stopped;
    terminal.err('berth: stopping; pods and mounts stay (remove them with: berth down)\n');
  } catch (error) {
    // Stopping in the middle of a start makes what was under way fail; that is no failure.
    if (!signal.aborted) throw error;
    log.debug('stopped while starting', { error });
  }
}

/** Nobody waits for it now: what a crash left goes, and the image of this machine's own tools is there before a pod asks. */
async function tidyImages(images: Images, log: Logger): Promise<void> {
  await images.prune().catch((error: unknown) => log.warn('cannot remove what no image needs', { error }));
  await images.refresh(toolsImageName).catch((error: unknown) => log.warn('cannot make the tools image', { error }));
}

async function startAll(context: Context, stack: AsyncDisposableStack): Promise<Images> {
  const { data, address, clock, rng, log } = context;
  const failed = new AbortController();
  const signal = AbortSignal.any([context.signal, failed.signal]);
  const hostAddress = machineAddress('IPv4') ?? '127.0.0.1';
  const nodes = new Map<string, NodeStack>();
  const [pki, images, network] = await Promise.all([
    ensurePki(data.pki, serverNames(address, context.services), { clock, log }).then((made) =>
      signingAs(context, made),
    ),
    Images.open({ folder: data.images, mounter: linuxMounter, clock, usedIds: () => usedImageIds(data) }),
    podNetwork(data.path, context.services.cidrs),
  ]);
  images.provide(toolsImageName, toolsImage(process.execPath));
  const elsewhere = remoteNodes(pki, () => client);
  const nodeApi = (name: string) => nodes.get(name)?.kubelet.api ?? elsewhere(name);
  let planeRuns = false;
  const components = context.etcd ? electedComponents(() => client, clock) : ownComponents(() => planeRuns);
  const server = stack.use(await startServer({ ...context, pki, nodeApi, components }));
  const kubeconfig = await writeKubeconfigs(context, server.url, pki);
  const client = new KubeClient(server.api.transport());
  const informers = stack.use(startInformers(client, { clock, rng, log }, signal));
  const control = {
    client,
    clock,
    rng,
    log,
    caPem: pki.ca,
    serviceAccountKey: pki.serviceAccountKey,
    authority: () => readAuthority(data.pki),
    queueObserver: server.api.metrics.queues.observer,
    objectCounts: countedObjects(server.api.metrics.registry),
    schedulerMetrics: new SchedulerMetrics(server.api.metrics.registry, schedulerName),
  };
  // What others may run too, one of all runs.
  const plane = context.etcd
    ? candidateOf(data.path).then((identity) => startElectedControlPlane({ ...control, identity }, signal))
    : startControlPlane({ ...control, informers }, signal);
  const shared = {
    client,
    informers,
    images,
    imagesFolder: data.images,
    addresses: [hostAddress],
    driverCommand: context.driverCommand,
    ...(context.etcd ? { kubeletPki: { ...pki, folder: data.pki } } : {}),
    clock,
    rng,
    log,
  };
  const starting = Array.from({ length: context.nodes }, async (_, index) => {
    const name = `node-${index + 1}`;
    const subnet = { subnet: network.subnet(index + 1), clusterCidr: network.clusterCidr };
    const pools = poolsOfNode(context.pools, name, context.nodes);
    const node = stack.use(await startNode({ ...shared, name, dirs: data.node(name), network: subnet, pools }, signal));
    nodes.set(name, node);
  });
  const whole = plane.then((running) => {
    planeRuns = true;
    stack.use(running);
  });
  const parts = [whole, ...starting];
  try {
    await Promise.all([...parts, ensureStorageObjects(client, context.pools.length > 0)]);
    await Promise.all([...nodes.values()].map(({ ready }) => ready));
  } catch (error) {
    // What still starts has to come to an end first: it adds to what is taken down.
    failed.abort(error);
    await Promise.allSettled(parts);
    throw error;
  }
  const what = `, ${context.nodes} node${context.nodes === 1 ? '' : 's'}`;
  stack.use(await announce(context, { server, kubeconfig, what }));
  return images;
}
