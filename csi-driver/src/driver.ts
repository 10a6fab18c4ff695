import { dirname } from 'node:path';
import {
  type Clock,
  Guard,
  type Logger,
  Metrics,
  makeFolders,
  messageOf,
  type Rng,
  startHttpEndpoint,
  syncDirectory,
} from '@berth/kit';
import { inspectCached, linuxMounter, type MountInfo } from '@berth/linux';
import {
  berthTrash,
  csiController,
  csiGroupController,
  csiIdentity,
  csiNode,
  csiSnapshotMetadata,
  GrpcServer,
  trashRoot,
} from '@berth/protos';
import { Backends } from './backend/backends.ts';
import { type PoolOptions, parsePools } from './backend/pool-options.ts';
import { observeDriver } from './driver-metrics.ts';
import type { PlaceTools } from './mounts/place.ts';
import { VolumeMounts } from './mounts/volume-mounts.ts';
import { openNfs } from './open-nfs.ts';
import { openPools } from './open-pools.ts';
import { handlersOf, type PipelineOptions } from './pipeline/pipeline.ts';
import { recover } from './recover.ts';
import { recoverRemote } from './recover-remote.ts';
import { serveRegistration } from './registration.ts';
import { nodeTopology } from './rules/topology.ts';
import { countAll } from './services/accounts.ts';
import { controllerMethods } from './services/controller.ts';
import { CopyJobs } from './services/copy-jobs.ts';
import { groupControllerMethods } from './services/group-controller.ts';
import { identityMethods } from './services/identity.ts';
import { nodeMethods } from './services/node.ts';
import { keepOwnRecords } from './services/own-records.ts';
import { sampleUsage } from './services/sample-usage.ts';
import type { ServiceContext } from './services/services.ts';
import { snapshotMetadataMethods } from './services/snapshot-metadata.ts';
import { trashMethods } from './services/trash.ts';
import { TrashBin } from './services/trash-bin.ts';
import { socketPath } from './socket-path.ts';
import { StartError } from './start-error.ts';
import { takePools } from './take-pools.ts';
import { version } from './version.ts';

export interface DriverOptions {
  readonly endpoint: string;
  readonly nodeId: string;
  /** Where volumes are: one directory, or several pools. The first holds the catalog. */
  readonly pool: string | readonly PoolOptions[];
  readonly driverName: string;
  /** The command that starts this program again, for what may hang; empty where that cannot be. */
  readonly self?: readonly string[];
  readonly attach?: boolean;
  readonly maxVolumesPerNode?: number;
  readonly registrationSocket?: string;
  /** `host:port` or `:port` to serve /metrics and /healthz at. */
  readonly httpEndpoint?: string;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly log: Logger;
  readonly logRequests?: boolean;
  /** The kernel, unless a test has another. */
  readonly places?: PlaceTools;
}

/** Running calls get this long to end when the driver stops. */
const graceMs = 5000;

/** As long as kubelet waits for a probe's answer by custom of the livenessprobe sidecar. */
const probeTimeoutMs = 3000;

/**
 * Starts the driver: opens the pool, ends what a crash left, serves the sockets.
 * @throws StartError – bad options or pool; CatalogError – the catalog is in use, damaged or cannot be written.
 */
export async function startDriver(options: DriverOptions): Promise<AsyncDisposable> {
  const { endpoint, log, clock, rng } = options;
  const socket = socketPath(endpoint);
  await using stack = new AsyncDisposableStack();
  const places = options.places ?? { mounter: linuxMounter, inspect: inspectCached };
  const tools = { mounter: places.mounter, clock, rng, log };
  const wanted = typeof options.pool === 'string' ? parsePools([options.pool]) : options.pool;
  const { pools, catalog, absent } = await takePools(stack, wanted, tools);
  for (const [pool, { path, why }] of absent)
    log.error('the pool is not there: mount its disk, and start anew', { pool, path, why });
  const present = pools.filter(({ name }) => !absent.has(name));
  const placements = [
    ...openPools(stack, present, tools),
    openNfs(stack, { ...tools, pools, catalog, self: options.self ?? [] }),
  ];
  // Before any record of what is in them: a pool without its folders would be taken for one that is not there.
  await Promise.all(present.map(({ path }) => syncDirectory(path)));
  const backends = new Backends(placements, absent);
  for (const { node } of backends.all) {
    for (const mountPoint of (await node.thawAll?.()) ?? [])
      log.warn('thawed what a crash left frozen', { mountPoint });
  }
  countAll(catalog, backends);
  stack.use(await recover({ catalog, backends, log, clock }));
  const mounts = new VolumeMounts(places, (mount) => volumeOf(backends, mount));
  const jobs = stack.use(new CopyJobs());
  const node = nodeTopology(options.driverName, options.nodeId);
  const guard = new Guard();
  stack.use(sampleUsage({ catalog, backends, clock, log }));
  stack.use(keepOwnRecords({ catalog, backends, clock, log }));
  const trash = stack.use(new TrashBin({ catalog, backends, guard, clock, log }));
  const { attach = false, maxVolumesPerNode = 0 } = options;
  const context: ServiceContext = {
    ...options,
    attach,
    maxVolumesPerNode,
    version,
    node,
    catalog,
    backends,
    jobs,
    trash,
    mounts,
    places,
  };
  const metrics = new Metrics();
  const observe = observeDriver(metrics, { driverName: options.driverName, catalog, backends });
  const pipeline = { clock, guard, log, logRequests: options.logRequests ?? false, observe };
  stack.use(recoverRemote({ catalog, backends, log, jobs, clock, rng, guard: pipeline.guard }));
  await listen(stack, serverOf(context, pipeline), socket);
  await serveHttp(stack, { address: options.httpEndpoint, metrics, context });
  await register(stack, options);
  const running = stack.move();
  return { [Symbol.asyncDispose]: () => running.disposeAsync() };
}

function volumeOf(backends: Backends, mount: MountInfo): string | undefined {
  for (const backend of backends.all) {
    const id = backend.node.volumeOf(mount);
    if (id !== undefined) return id;
  }
  return undefined;
}

function serverOf(context: ServiceContext, pipeline: PipelineOptions): GrpcServer {
  return new GrpcServer()
    .add(csiIdentity, handlersOf(csiIdentity, identityMethods(context), pipeline))
    .add(csiController, handlersOf(csiController, controllerMethods(context), pipeline))
    .add(csiGroupController, handlersOf(csiGroupController, groupControllerMethods(context), pipeline))
    .add(csiSnapshotMetadata, handlersOf(csiSnapshotMetadata, snapshotMetadataMethods(context), pipeline))
    .add(csiNode, handlersOf(csiNode, nodeMethods(context), pipeline))
    .add(berthTrash, handlersOf(berthTrash, trashMethods(context), { ...pipeline, root: trashRoot }));
}

interface HttpOptions {
  readonly address: string | undefined;
  readonly metrics: Metrics;
  readonly context: ServiceContext;
}

async function serveHttp(stack: AsyncDisposableStack, { address, metrics, context }: HttpOptions): Promise<void> {
  if (address === undefined) return;
  const probe = identityMethods(context).Probe;
  const health = async () => await probe?.run({}, AbortSignal.timeout(probeTimeoutMs));
  try {
    stack.use(await startHttpEndpoint({ address, metricsPath: '/metrics', metrics, health }));
  } catch (error) {
    if (error instanceof RangeError) throw error;
    throw new StartError('Endpoint', messageOf(error), { cause: error });
  }
}

async function listen(stack: AsyncDisposableStack, server: GrpcServer, socket: string): Promise<void> {
  stack.defer(() => server.stop(graceMs));
  try {
    await makeFolders(dirname(socket), 0o750);
    await server.listen(`unix://${socket}`);
  } catch (error) {
    throw new StartError('Endpoint', `cannot listen at ${socket}: ${messageOf(error)}`, { cause: error });
  }
}

async function register(stack: AsyncDisposableStack, options: DriverOptions): Promise<void> {
  const { registrationSocket: socket, driverName, endpoint, log } = options;
  if (socket === undefined) return;
  try {
    await makeFolders(dirname(socket), 0o750);
    const server = await serveRegistration({ socket, driverName, endpoint, log });
    stack.defer(() => server.stop(graceMs));
  } catch (error) {
    throw new StartError('Endpoint', `cannot listen at ${socket}: ${messageOf(error)}`, { cause: error });
  }
}
