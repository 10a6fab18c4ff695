import { accessSync, constants, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type Clock, Guard, type Logger, makeFolders, messageOf, type Rng } from '@berth/kit';
import { inspect, linuxMounter, type MountInfo } from '@berth/linux';
import { csiController, csiGroupController, csiIdentity, csiNode, GrpcServer } from '@berth/protos';
import { Backends } from './backend/backends.ts';
import { BtrfsBackend, isBtrfs } from './backend/btrfs/btrfs-backend.ts';
import { DirectoryBackend } from './backend/directory/directory-backend.ts';
import { ImageBackend } from './backend/image/image-backend.ts';
import { Pool } from './backend/pool.ts';
import { Catalog } from './catalog/catalog.ts';
import type { CatalogOptions } from './catalog/open-database.ts';
import type { PlaceTools } from './mounts/place.ts';
import { VolumeMounts } from './mounts/volume-mounts.ts';
import { handlersOf, type PipelineOptions } from './pipeline/pipeline.ts';
import { recover } from './recover.ts';
import { serveRegistration } from './registration.ts';
import { controllerMethods } from './services/controller.ts';
import { CopyJobs } from './services/copy-jobs.ts';
import { groupControllerMethods } from './services/group-controller.ts';
import { identityMethods } from './services/identity.ts';
import { nodeMethods } from './services/node.ts';
import type { ServiceContext } from './services/services.ts';
import { socketPath } from './socket-path.ts';
import { StartError } from './start-error.ts';
import { version } from './version.ts';

export interface DriverOptions {
  readonly endpoint: string;
  readonly nodeId: string;
  readonly pool: string;
  readonly driverName: string;
  readonly attach?: boolean;
  readonly maxVolumesPerNode?: number;
  readonly registrationSocket?: string;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly log: Logger;
  readonly logRequests?: boolean;
  /** The kernel, unless a test has another. */
  readonly places?: PlaceTools;
}

/** Running calls get this long to end when the driver stops. */
const graceMs = 5000;

/**
 * Starts the driver: opens the pool, ends what a crash left, serves the sockets.
 * @throws StartError – bad options or pool; CatalogError – the catalog is in use, damaged or cannot be written.
 */
export async function startDriver(options: DriverOptions): Promise<AsyncDisposable> {
  const { endpoint, log, clock, rng } = options;
  const socket = socketPath(endpoint);
  const path = await preparePool(options.pool);
  await using stack = new AsyncDisposableStack();
  const catalog = stack.use(new Catalog(catalogOptions(path)));
  const places = options.places ?? { mounter: linuxMounter, inspect };
  const { mounter } = places;
  const pool = stack.use(new Pool({ path, rng, log }));
  const directory = stack.use(new DirectoryBackend({ pool, mounter, clock }));
  const image = new ImageBackend({ pool, mounter, clock });
  const btrfs = isBtrfs(path) ? [new BtrfsBackend({ pool, mounter })] : [];
  const backends = new Backends([directory, image, ...btrfs].map((backend) => ({ backend, pool })));
  for (const mountPoint of await image.node.thawAll()) log.warn('thawed what a crash left frozen', { mountPoint });
  await recover({ catalog, backends, log });
  const mounts = new VolumeMounts(places, (mount) => volumeOf(backends, mount));
  const jobs = stack.use(new CopyJobs());
  const node = { key: `topology.${options.driverName}/node`, nodeId: options.nodeId };
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
    mounts,
    places,
  };
  const pipeline = { clock, guard: new Guard(), log, logRequests: options.logRequests ?? false };
  await listen(stack, serverOf(context, pipeline), socket);
  await register(stack, options);
  const running = stack.move();
  return { [Symbol.asyncDispose]: () => running.disposeAsync() };
}

/** Everything below a pool that would show a lost catalog. */
function catalogOptions(pool: string): CatalogOptions {
  return {
    path: join(pool, 'catalog.db'),
    volumesFolder: join(pool, 'volumes'),
    furtherFolders: ['snapshots', 'images', 'image-snapshots', 'subvolumes', 'subvolume-snapshots'].map((folder) =>
      join(pool, folder),
    ),
  };
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
    .add(csiNode, handlersOf(csiNode, nodeMethods(context), pipeline));
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

/** The pool's real path; made when missing. Nobody but root may enter it: volumes in it are open to all users. */
async function preparePool(path: string): Promise<string> {
  try {
    await makeFolders(path, 0o700);
    accessSync(path, constants.W_OK | constants.X_OK);
    return realpathSync(path);
  } catch (error) {
    throw new StartError('Pool', `cannot use the pool ${path}: ${messageOf(error)}`, { cause: error });
  }
}
