import { join } from 'node:path';
import type { Clock, Logger, Rng } from '@berth/kit';
import type { Informers, KubeClient } from '@berth/kube';
import { linuxMounter } from '@berth/linux';
import { GrpcConnection } from '@berth/protos';
import { csiClients, startProvisioner, startResizer } from '@berth/provisioner';
import { CsiPluginRegistry, startVolumeManager } from '@berth/volume-manager';
import { createImageService } from '../images/cri-image-service.ts';
import type { Images } from '../images/image-store.ts';
import { type Kubelet, startKubelet } from '../kubelet/kubelet.ts';
import { machineResources } from '../kubelet/node/machine-facts.ts';
import { readMachine } from '../kubelet/node/read-machine.ts';
import { NodeMetrics } from '../kubelet/node-metrics.ts';
import type { KubeletServer } from '../kubelet/server/kubelet-server.ts';
import type { NodeApi } from '../node-api.ts';
import { startEmbeddedRuntime } from '../runtime/embedded-runtime.ts';
import { StateLayout } from '../runtime/state-layout.ts';
import { Recorders } from './control-plane.ts';
import { CsiDriverProcess } from './csi-driver-process.ts';
import type { NodeDirs } from './data-dir.ts';
import { kubeletAccess } from './kubelet-access.ts';
import { credentialFiles, type Pki } from './pki.ts';
import { kubernetesVersion } from './version.ts';

/** As external-provisioner looks by default. */
const capacityPollMs = 60_000;

export interface NodeStackOptions {
  readonly name: string;
  readonly dirs: NodeDirs;
  readonly client: KubeClient;
  readonly informers: Informers;
  readonly images: Images;
  readonly imagesFolder: string;
  readonly network: { readonly subnet: string; readonly clusterCidr: string };
  readonly addresses: readonly string[];
  readonly driverCommand: readonly [string, ...string[]];
  /** Pools of its driver beside its own. With some, schedulers are told what room there is. */
  readonly pools: readonly string[];
  /** With it, API servers of other processes reach the kubelet, too; `folder`: where it is, and is followed. */
  readonly kubeletPki?: Pki & { readonly folder: string };
  readonly clock: Clock;
  readonly rng: Rng;
  readonly log: Logger;
}

/** One node of this machine: CSI driver process, provisioner at its socket, runtime, volume manager, kubelet. */
export interface NodeStack extends AsyncDisposable {
  readonly name: string;
  readonly kubelet: Kubelet;
  /** The node is Ready and its driver registered and provisioning. */
  readonly ready: Promise<void>;
}

export async function startNode(options: NodeStackOptions, signal: AbortSignal): Promise<NodeStack> {
  const { name, dirs, clock, rng, log } = options;
  await using stack = new AsyncDisposableStack();
  const client = options.client.as('kubelet');
  const recorders = stack.use(new Recorders({ ...options, client }, name));
  const driver = stack.use(
    await CsiDriverProcess.start({
      nodeName: name,
      dirs,
      pools: options.pools,
      clock,
      log,
      command: options.driverCommand,
    }),
  );
  const { informers } = options;
  const metrics = new NodeMetrics(clock);
  const { csiCall: observe, operation } = metrics;
  const registry = stack.use(
    new CsiPluginRegistry({ nodeName: name, client, informers, kubeletDir: dirs.kubelet, clock, log, observe }),
  );
  const [runtime] = await Promise.all([startRuntime(options, signal), registry.start()]);
  stack.use(runtime.embedded);
  const shared = {
    nodeName: name,
    client,
    informers,
    clock,
    rng,
    log,
    events: recorders.of('kubelet'),
  };
  const machine = await readMachine(dirs.kubelet);
  const allocatable = { ...machineResources(machine) };
  const volumes = stack.use(
    await startVolumeManager(
      { ...shared, mounter: linuxMounter, kubeletDir: dirs.kubelet, csi: registry, observe: operation, allocatable },
      signal,
    ),
  );
  let running: Kubelet | undefined;
  const server = await startServer(options, () => running?.api, signal);
  if (server) stack.use(server);
  const kubelet = stack.use(
    await startKubelet(
      {
        ...shared,
        runtime,
        volumes,
        csi: registry,
        metrics,
        machine,
        dirs: { root: dirs.kubelet, logs: dirs.logs },
        addresses: options.addresses,
        cgroupRoot: new StateLayout(dirs.runtime).identity.cgroupRoot,
        version: kubernetesVersion,
        ...(server ? { kubeletPort: server.port } : {}),
      },
      signal,
    ),
  );
  running = kubelet;
  const sidecars = startSidecars(options, stack, signal);
  const registered = whenRegistered(registry, signal);
  const ready = Promise.race([Promise.all([kubelet.ready, sidecars, registered]), driver.gaveUp]).then(() => undefined);
  ready.catch(() => undefined);
  const own = stack.move();
  return { name, kubelet, ready, [Symbol.asyncDispose]: () => own[Symbol.asyncDispose]() };
}

/** Where others may have to reach the kubelet. */
async function startServer(
  { name, addresses, kubeletPki: pki, client, clock, log }: NodeStackOptions,
  api: () => NodeApi | undefined,
  signal: AbortSignal,
): Promise<KubeletServer | undefined> {
  const [address] = addresses;
  if (!pki || address === undefined) return undefined;
  const { startKubeletServer } = await import('../kubelet/server/kubelet-server.ts');
  const tls = { ...pki.server, clientCa: pki.ca };
  const mayDo = kubeletAccess(client, name);
  const server = await startKubeletServer({ nodeName: name, address, ...tls, api, mayDo, log }, signal);
  const { followCredentialFiles } = await import('../api-server/http/follow-credentials.ts');
  const [cert, key, clientCa] = credentialFiles.map((file) => join(pki.folder, file)) as [string, string, string];
  const files = { cert, key, clientCa };
  followCredentialFiles({ files, now: tls, of: `node ${name}`, use: (next) => server.renew(next), clock, log }, signal);
  return server;
}

async function startRuntime(options: NodeStackOptions, signal: AbortSignal) {
  const { images, imagesFolder, clock, rng, log, network, dirs } = options;
  const embedded = await startEmbeddedRuntime({
    stateDir: dirs.runtime,
    images,
    clock,
    rng,
    log,
    network,
    signal,
  });
  const service = createImageService({ images, folder: imagesFolder, clock });
  return { embedded, runtime: embedded.runtime, streams: embedded.streams, images: service };
}

function startSidecars(options: NodeStackOptions, stack: AsyncDisposableStack, signal: AbortSignal): Promise<unknown> {
  const { name, dirs, clock, rng, log, informers } = options;
  const recorders = stack.use(new Recorders(options));
  const connection = stack.use(new GrpcConnection(`unix://${dirs.csiSocket}`));
  const shared = {
    client: options.client,
    informers,
    csi: csiClients(connection),
    clock,
    rng,
    log,
    recorder: recorders.of,
  };
  const settings = { nodeName: name, extraCreateMetadata: true, journalDir: `${dirs.root}/provisioner` };
  const capacity = { namespace: 'kube-system', pollIntervalMs: capacityPollMs, forImmediateBinding: false };
  const provisioner = stack.use(
    startProvisioner(
      { ...shared, settings: { ...settings, ...(options.pools.length > 0 ? { capacity } : {}) } },
      signal,
    ),
  );
  const resizer = stack.use(startResizer({ ...shared, settings: { nodeName: name } }, signal));
  return Promise.all([provisioner.ready, resizer.ready]);
}

function whenRegistered(registry: CsiPluginRegistry, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (registry.list().length > 0) return resolve();
    const subscription = registry.onChange(() => {
      subscription[Symbol.dispose]();
      resolve();
    });
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
    if (signal.aborted) reject(signal.reason);
  });
}
