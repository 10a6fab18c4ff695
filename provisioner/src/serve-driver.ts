import { hostname } from 'node:os';
import { type Logger, Metrics, startHttpEndpoint, systemClock, systemRng } from '@berth/kit';
import {
  createEventRecorder,
  type EventRecorder,
  httpTransport,
  inClusterConfig,
  KubeClient,
  loadKubeconfig,
  runAsLeader,
  startInformers,
} from '@berth/kube';
import { GrpcConnection } from '@berth/protos';
import { connectDriver } from './driver/connect-driver.ts';
import { csiClients } from './driver/csi-clients.ts';
import { csiEndpoint } from './driver/csi-endpoint.ts';
import type { Flags } from './flags.ts';
import type { CapacitySettings, ProvisionerSettings } from './provisioner-settings.ts';
import { startAttacher } from './start-attacher.ts';
import { type RunningSidecar, type SidecarOptions, startProvisioner } from './start-provisioner.ts';
import { startResizer } from './start-resizer.ts';
import { version } from './version.ts';

export interface ServeOptions {
  readonly flags: Flags;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly log: Logger;
}

/** The stand-alone program: an API server by kubeconfig or service account, a driver by socket, until `signal` aborts. */
export async function serveDriver({ flags, env, log }: ServeOptions, signal: AbortSignal): Promise<void> {
  const kubeconfig = flags.kubeconfig ?? env['KUBECONFIG'];
  if (!kubeconfig && !env['KUBERNETES_SERVICE_HOST'])
    throw new RangeError('no API server is named: give --kubeconfig FILE, or set KUBECONFIG');
  const access = await (kubeconfig ? loadKubeconfig(kubeconfig) : inClusterConfig(env));
  await using stack = new AsyncDisposableStack();
  const transport = stack.use(httpTransport({ ...access.transport, userAgent: `berth-provisioner/${version}` }));
  const client = new KubeClient(transport);
  const connection = stack.use(new GrpcConnection(csiEndpoint(flags.csiAddress)));
  const metrics = new Metrics();
  const csi = csiClients(connection);
  if (flags.httpEndpoint !== undefined) {
    const { httpEndpoint: address, metricsPath } = flags;
    // As long as kubelet waits for a probe's answer by custom of the livenessprobe sidecar.
    const health = () => csi.identity.Probe({}, { timeoutMs: 3000 });
    stack.use(await startHttpEndpoint({ address, metricsPath, metrics, health }));
  }
  const run = (stop: AbortSignal) => runSidecars({ flags, env, log, client, csi, metrics }, stop);
  if (!flags.leaderElection) return await run(signal);
  const namespace = flags.leaderElectionNamespace ?? access.namespace;
  const { timeout: timeoutMs } = flags;
  const { name: driver } = await connectDriver({ clients: csi, clock: systemClock, log, metrics, timeoutMs }, signal);
  const name = `external-provisioner-leader-${driver.replaceAll(/[^a-zA-Z0-9-]/g, '-').toLowerCase()}`;
  const identity = `${hostname()}_${systemRng.uuid()}`;
  await runAsLeader({ client, name, namespace, identity, clock: systemClock, log }, run, signal);
}

interface RunOptions extends ServeOptions {
  readonly client: KubeClient;
  readonly csi: SidecarOptions['csi'];
  readonly metrics: Metrics;
}

async function runSidecars({ flags, env, log, client, csi, metrics }: RunOptions, signal: AbortSignal): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const clock = systemClock;
  const recorder = (component: string): EventRecorder =>
    stack.use(createEventRecorder(client, { component, clock, log }));
  const informers = stack.use(startInformers(client, { clock, log }, signal));
  const shared = { client, informers, csi, clock, rng: systemRng, log, recorder, metrics };
  const capacity = flags.enableCapacity ? { capacity: await capacityOf({ client, flags, env }, signal) } : {};
  const settings = { ...settingsOf(flags, env), ...capacity };
  const provisioner = stack.use(startProvisioner({ ...shared, settings }, signal));
  const others = startOthers(shared, { flags, env }, signal).map((sidecar) => stack.use(sidecar));
  await Promise.all(others.map(({ ready }) => ready));
  const { name, version: driverVersion } = await provisioner.ready;
  log.info('serving', {
    driver: name,
    driverVersion,
    socket: flags.csiAddress,
    attacher: flags.attacher,
    resizer: flags.resizer,
  });
  if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
  log.info('stopping');
}

function startOthers(
  shared: SidecarOptions,
  { flags, env }: Pick<ServeOptions, 'flags' | 'env'>,
  signal: AbortSignal,
): RunningSidecar[] {
  const { workerThreads: workers, defaultFstype: defaultFsType } = flags;
  const nodeName = env['NODE_NAME'];
  const settings = {
    workers,
    retryIntervalStartMs: flags.retryIntervalStart,
    retryIntervalMaxMs: flags.retryIntervalMax,
  };
  const ofNode = flags.nodeDeployment && nodeName ? { nodeName } : {};
  return [
    ...(flags.attacher ? [startAttacher({ ...shared, settings: { ...settings, defaultFsType } }, signal)] : []),
    ...(flags.resizer
      ? [startResizer({ ...shared, settings: { ...settings, ...ofNode, timeoutMs: flags.timeout } }, signal)]
      : []),
  ];
}

function settingsOf(flags: Flags, env: ServeOptions['env']): Partial<ProvisionerSettings> {
  const nodeName = env['NODE_NAME'];
  return {
    volumeNamePrefix: flags.volumeNamePrefix,
    volumeNameUuidLength: flags.volumeNameUuidLength,
    defaultFsType: flags.defaultFstype,
    strictTopology: flags.strictTopology,
    immediateTopology: flags.immediateTopology,
    extraCreateMetadata: flags.extraCreateMetadata,
    controllerPublishReadonly: flags.controllerPublishReadonly,
    timeoutMs: flags.timeout,
    retryIntervalStartMs: flags.retryIntervalStart,
    retryIntervalMaxMs: flags.retryIntervalMax,
    workers: flags.workerThreads,
    ...(flags.nodeDeployment && nodeName ? { nodeName } : {}),
    ...(flags.journalDir === undefined ? {} : { journalDir: flags.journalDir }),
  };
}

async function capacityOf(
  { client, flags, env }: Pick<RunOptions, 'client' | 'flags' | 'env'>,
  signal: AbortSignal,
): Promise<CapacitySettings> {
  const { NAMESPACE: namespace = '', POD_NAME: podName = '' } = env;
  const { findOwner } = await import('./capacity/find-owner.ts');
  const owner = await findOwner(client, { namespace, podName, level: flags.capacityOwnerrefLevel }, signal);
  return {
    namespace,
    pollIntervalMs: flags.capacityPollInterval,
    forImmediateBinding: flags.capacityForImmediateBinding,
    ...(owner ? { owner } : {}),
  };
}
