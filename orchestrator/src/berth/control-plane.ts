import { hostname } from 'node:os';
import type { Clock, Logger, QueueObserver, Rng } from '@berth/kit';
import {
  createEventRecorder,
  createEventSeriesRecorder,
  type EventRecorder,
  type Informers,
  type KubeClient,
} from '@berth/kube';
import { startAttachDetachController } from '@berth/volume-manager';
import type { JwtTokens } from '../api-server/tokens/jwt-tokens.ts';
import type { SigningAuthority } from '../controllers/certificates/sign-request.ts';
import { startCertificateController } from '../controllers/certificates/start-certificate-controller.ts';
import { startClusterRoleAggregation } from '../controllers/cluster-role-aggregation/cluster-role-aggregation.ts';
import type { ControllerDeps } from '../controllers/controller-deps.ts';
import { CustomTypes } from '../controllers/custom-types/custom-types.ts';
import { startDisruptionController } from '../controllers/disruption/disruption-controller.ts';
import { countEndpointSlices } from '../controllers/endpoints/count-endpoint-slices.ts';
import { startEndpointSliceMirroring } from '../controllers/endpoints/endpoint-slice-mirroring-controller.ts';
import { startEndpointsController } from '../controllers/endpoints/endpoints-controller.ts';
import { startGarbageCollector } from '../controllers/garbage-collector/garbage-collector.ts';
import { startNamespaceController } from '../controllers/namespace/namespace-controller.ts';
import { ObjectCounts } from '../controllers/object-counts.ts';
import { startPolicyStatusController } from '../controllers/policy-status/policy-status-controller.ts';
import { startResourceQuotaController } from '../controllers/resource-quota/resource-quota-controller.ts';
import { startServiceAccountControllers } from '../controllers/service-account/service-account-controllers.ts';
import {
  startTokenSecretsController,
  type TokenSecretsOptions,
} from '../controllers/service-account/token-secrets-controller.ts';
import { startServiceCidrsController } from '../controllers/service-cidrs/service-cidrs-controller.ts';
import { startStatefulSetController } from '../controllers/statefulset/statefulset-controller.ts';
import { startTaintEvictionController } from '../controllers/taint-eviction/taint-eviction-controller.ts';
import { countVolumes } from '../controllers/volume/count-volumes.ts';
import { startEphemeralVolumeController } from '../controllers/volume/start-ephemeral-volume-controller.ts';
import { startExpandController } from '../controllers/volume/start-expand-controller.ts';
import { startPersistentVolumeController } from '../controllers/volume/start-persistent-volume-controller.ts';
import { startProtectionControllers } from '../controllers/volume/start-protection-controllers.ts';
import type { MetricRegistry } from '../metrics/metric-registry.ts';
import { schedulerName, startScheduler } from '../scheduler/scheduler.ts';
import type { SchedulerMetrics } from '../scheduler/scheduler-metrics.ts';

export interface ControlPlaneOptions {
  readonly client: KubeClient;
  readonly informers: Informers;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly log: Logger;
  /** The cluster's certificate authority, which every namespace gets to know. */
  readonly caPem: string;
  /** PEM: signs the tokens that lie in Secrets. */
  readonly serviceAccountKey: string;
  /** Signs certificates, read when one is asked for. */
  readonly authority: () => Promise<SigningAuthority>;
  /** Who hears of a controller's queue, by the name that metrics have for it. */
  readonly queueObserver: (name: string) => QueueObserver;
  readonly schedulerMetrics: SchedulerMetrics;
  readonly objectCounts: ObjectCounts;
}

/** One recorder a component, so that repeats are counted together; disposing sends what is queued. */
export class Recorders implements AsyncDisposable {
  readonly #create: (component: string) => EventRecorder & AsyncDisposable;
  readonly #recorders = new Map<string, EventRecorder & AsyncDisposable>();

  constructor(
    { client, clock, rng, log }: Pick<ControlPlaneOptions, 'client' | 'clock' | 'rng' | 'log'>,
    host?: string,
  ) {
    this.#create = (component) =>
      createEventRecorder(client, { component, clock, rng, log, ...(host ? { host } : {}) });
  }

  readonly of = (component: string): EventRecorder => {
    const known = this.#recorders.get(component) ?? this.#create(component);
    this.#recorders.set(component, known);
    return known;
  };

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#recorders.values()].map((recorder) => recorder[Symbol.asyncDispose]()));
  }
}

/** What signs is made when the first such token is asked for. */
function legacySigner({ clock, rng, serviceAccountKey }: ControlPlaneOptions): TokenSecretsOptions['sign'] {
  let tokens: Promise<JwtTokens> | undefined;
  return async (token) => {
    tokens ??= import('../api-server/tokens/jwt-tokens.ts').then(
      (made) => new made.JwtTokens({ issuer: '', privateKey: serviceAccountKey, clock, rng }),
    );
    return (await tokens).issueLegacy(token);
  };
}

/** What the controllers tell of the objects there are. */
export function countedObjects(registry: MetricRegistry): ObjectCounts {
  const counts = new ObjectCounts(registry);
  countVolumes(counts);
  countEndpointSlices(counts);
  return counts;
}

/** Starts scheduler and controllers; resolves when they have seen the cluster. */
export async function startControlPlane(options: ControlPlaneOptions, signal: AbortSignal): Promise<AsyncDisposable> {
  await using stack = new AsyncDisposableStack();
  options.objectCounts.follow(options.informers);
  const recorders = stack.use(new Recorders(options));
  const deps: ControllerDeps = {
    ...options,
    client: options.client.as('kube-controller-manager'),
    recorder: recorders.of,
  };
  const everyKind = { ...deps, customTypes: stack.use(new CustomTypes(deps)) };
  stack.use(startGarbageCollector(everyKind, signal));
  stack.use(startClusterRoleAggregation(deps, signal));
  stack.use(startServiceCidrsController(deps, signal));
  stack.use(startCertificateController(deps, options, signal));
  stack.use(startPolicyStatusController(deps, signal));
  stack.use(startResourceQuotaController(everyKind, signal));
  stack.use(startNamespaceController(everyKind, signal));
  stack.use(startServiceAccountControllers(deps, options.caPem, signal));
  stack.use(startTokenSecretsController(deps, { caPem: options.caPem, sign: legacySigner(options) }, signal));
  stack.use(startPersistentVolumeController(deps, signal));
  stack.use(startProtectionControllers(deps, signal));
  stack.use(startEphemeralVolumeController(deps, signal));
  stack.use(startExpandController(deps, signal));
  stack.use(startStatefulSetController(deps, signal));
  stack.use(startEndpointsController(deps, signal));
  stack.use(startEndpointSliceMirroring(deps, signal));
  stack.use(startTaintEvictionController(deps, signal));
  stack.use(startDisruptionController(deps, signal));
  const metrics = options.schedulerMetrics;
  const scheduler = { ...options, client: options.client.as('kube-scheduler'), metrics };
  const controller = schedulerName;
  const events = stack.use(
    createEventSeriesRecorder(scheduler.client, { ...options, controller, instance: `${controller}-${hostname()}` }),
  );
  // All follow their kinds before any waits: who comes later is told of all objects there are in one turn.
  const waiting = [
    startAttachDetachController({ ...deps, events: recorders.of('attachdetach-controller') }, signal),
    startScheduler({ ...scheduler, events }, signal),
  ];
  for (const started of await Promise.all(waiting)) stack.use(started);
  return stack.move();
}
