import { copyFileSync, mkdirSync, mkdtempSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FakeClock, Guard, seededRng, silentLogger } from '@berth/kit';
import { FakeKernel, inspect, type PathFacts } from '@berth/linux';
import {
  berthTrash,
  type CallContext,
  type csi,
  csiController,
  csiGroupController,
  csiIdentity,
  csiNode,
  type Init,
  trashRoot,
} from '@berth/protos';
import { Backends } from '../backend/backends.ts';
import { DirectoryBackend } from '../backend/directory/directory-backend.ts';
import { NfsBackend } from '../backend/nfs/nfs-backend.ts';
import type { FakeNfsServer } from '../backend/nfs/nfs-server.fake.ts';
import { FakeShareMounter } from '../backend/nfs/share-mounter.fake.ts';
import { Pool } from '../backend/pool.ts';
import { Catalog } from '../catalog/catalog.ts';
import { VolumeMounts } from '../mounts/volume-mounts.ts';
import { factsIn } from '../open-nfs.ts';
import { handlersOf } from '../pipeline/pipeline.ts';
import { nodeTopology } from '../rules/topology.ts';
import { controllerMethods } from './controller.ts';
import { CopyJobs } from './copy-jobs.ts';
import { groupControllerMethods } from './group-controller.ts';
import { identityMethods } from './identity.ts';
import { nodeMethods } from './node.ts';
import { keepOwnRecords } from './own-records.ts';
import type { ServiceContext } from './services.ts';
import { trashMethods } from './trash.ts';
import { TrashBin } from './trash-bin.ts';

type Call = (request: object) => Promise<Record<string, unknown>>;

export interface HarnessOptions {
  readonly keep?: boolean;
  readonly laterMs?: number;
  /** A server of volumes; this driver mounts from it in the model's mount table. */
  readonly nfs?: FakeNfsServer;
  /** Another one for another instance of the driver. */
  readonly seed?: number;
}

/** The services on a real pool and a modelled mount table: everything but the sockets, without root. */
export function serviceHarness(
  folder = mkdtempSync(join(tmpdir(), 'berth-csi-unit-')),
  { keep = false, laterMs = 0, nfs, seed = 1 }: HarnessOptions = {},
) {
  const path = join(folder, 'pool');
  mkdirSync(path, { recursive: true });
  const kernel = new FakeKernel();
  const clock = new FakeClock(Date.UTC(2030, 0, 1) + laterMs);
  const pool = new Pool({ path, rng: seededRng(7), log: silentLogger });
  const backend = new DirectoryBackend({ pool, mounter: kernel, clock, log: silentLogger });
  const jobs = new CopyJobs();
  const catalog = new Catalog({ path: join(path, 'catalog.db'), volumesFolder: join(path, 'volumes') });
  const places = { mounter: kernel, inspect: inspectWith(kernel) };
  const remote = nfs && nfsBackend(nfs, { catalog, clock, kernel, seed, folder: join(path, 'nfs') });
  const backends = new Backends([{ backend, pool }, ...(remote ? [{ backend: remote }] : [])]);
  const guard = new Guard();
  const ownRecords = keepOwnRecords({ catalog, backends, clock, log: silentLogger });
  const trash = new TrashBin({ catalog, backends, guard, clock, log: silentLogger });
  const context: ServiceContext = {
    driverName: 'csi.berth.local',
    version: '1',
    node: nodeTopology('csi.berth.local', 'n1'),
    attach: true,
    maxVolumesPerNode: 3,
    catalog,
    backends,
    jobs,
    trash,
    mounts: new VolumeMounts(places, (mount) => remote?.node.volumeOf(mount) ?? backend.node.volumeOf(mount)),
    places,
    clock,
    rng: seededRng(seed),
    log: silentLogger,
  };
  const pipeline = { clock, guard, log: silentLogger, logRequests: false };
  const handlers = {
    ...handlersOf(csiIdentity, identityMethods(context), pipeline),
    ...handlersOf(csiController, controllerMethods(context), pipeline),
    ...handlersOf(csiGroupController, groupControllerMethods(context), pipeline),
    ...handlersOf(csiNode, nodeMethods(context), pipeline),
    ...handlersOf(berthTrash, trashMethods(context), { ...pipeline, root: trashRoot }),
  } as unknown as Record<string, (request: object, call: CallContext) => Promise<Record<string, unknown>>>;
  /** Calls a method as the wire would: every absent field has its default. */
  const call =
    (method: string, signal = new AbortController().signal): Call =>
    (request) =>
      handlers[method]!({ ...defaults, ...request }, { method, signal });
  return {
    folder,
    pool: path,
    backend,
    trash: pool.trash,
    kernel,
    context,
    clock,
    guard,
    call,
    async createVolume(name: string, change: object = {}) {
      const { volume } = await call('CreateVolume')({ name, volumeCapabilities: [aCapability()], ...change });
      return volume as csi.Volume;
    },
    /** The catalog as a start after `kill -9` finds it now. */
    crash(): Catalog {
      const after = join(folder, 'after.db');
      for (const end of ['', '-wal']) copyFileSync(join(path, `catalog.db${end}`), after + end);
      return new Catalog({ path: after, volumesFolder: join(path, 'volumes') });
    },
    makeFolder(name: string) {
      const path = join(folder, name);
      mkdirSync(path, { recursive: true });
      return path;
    },
    async [Symbol.asyncDispose]() {
      await remote?.[Symbol.asyncDispose]();
      await trash[Symbol.asyncDispose]();
      await ownRecords[Symbol.asyncDispose]();
      await jobs[Symbol.asyncDispose]();
      backend[Symbol.dispose]();
      await pool[Symbol.asyncDispose]();
      catalog[Symbol.dispose]();
      if (!keep) rmSync(folder, { recursive: true, force: true });
    },
  };
}

interface NfsTools {
  readonly catalog: Catalog;
  readonly clock: FakeClock;
  readonly kernel: FakeKernel;
  readonly seed: number;
  readonly folder: string;
}

function nfsBackend(server: FakeNfsServer, { catalog, clock, kernel, seed, folder }: NfsTools): NfsBackend {
  return new NfsBackend({
    folder,
    mounter: kernel,
    shares: new FakeShareMounter(kernel, server),
    factsOf: (stored) => factsIn(catalog, stored),
    clock,
    rng: seededRng(seed + 2),
    log: silentLogger,
    connect: server.connect,
  });
}

const defaults = {
  name: '',
  volumeId: '',
  capacityRange: null,
  volumeCapabilities: [],
  volumeCapability: null,
  parameters: {},
  secrets: {},
  volumeContentSource: null,
  accessibilityRequirements: null,
  accessibleTopology: null,
  mutableParameters: {},
  volumeContext: {},
  publishContext: {},
  stagingTargetPath: '',
  targetPath: '',
  volumePath: '',
  readonly: false,
  maxEntries: 0,
  startingToken: '',
  snapshotId: '',
  sourceVolumeId: '',
  groupSnapshotId: '',
  volumePublishPath: '',
  nodeId: '',
  sourceVolumeIds: [],
  snapshotIds: [],
};

/** A mounted volume of one node that several pods share, unless told otherwise. */
export function aCapability(
  mode: csi.VolumeCapabilityAccessModeMode = 'SINGLE_NODE_MULTI_WRITER',
  mount: Init<csi.VolumeCapabilityMountVolume> = {},
): csi.VolumeCapability {
  return {
    mount: { fsType: '', mountFlags: [], volumeMountGroup: '', ...(mount as object) },
    accessMode: { mode },
  };
}

/** statx as it would answer if the model's mounts were real. */
function inspectWith(kernel: FakeKernel): (path: string) => PathFacts {
  return (path) => {
    const real = path.replace(/^\/proc\/self\/fd\/\d+/, (link) => readlinkSync(link));
    const mount = kernel.mounts().findLast((entry) => entry.mountPoint === real);
    const facts = inspect(mount?.root ?? real);
    return { ...facts, isMountRoot: mount !== undefined, mountId: mount?.id ?? facts.mountId };
  };
}
