import { Backoff, type Clock, type Logger, type Rng, runController, TerminalError, WorkQueue } from '@berth/kit';
import {
  type Deployment,
  type EventRecorder,
  type Informer,
  type Informers,
  isConflict,
  type KubeClient,
  resources,
  splitKey,
} from '@berth/kube';
import { type Foo, foos } from './foo.ts';

export interface SampleControllerOptions {
  readonly client: KubeClient;
  readonly informers: Informers;
  readonly recorder: EventRecorder;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly log: Logger;
}

interface World extends SampleControllerOptions {
  readonly foos: Informer<Foo>;
  readonly deployments: Informer<Deployment>;
}

/** Keeps one Deployment for each Foo, and tells in the Foo's status how many replicas it has; runs until `signal`. */
export async function runSampleController(options: SampleControllerOptions, signal: AbortSignal): Promise<void> {
  const { informers, clock, rng, log } = options;
  const world: World = { ...options, foos: informers.of(foos), deployments: informers.of(resources.deployments) };
  // As client-go's default rate limiter paces retries.
  await using queue = new WorkQueue({ clock, backoff: new Backoff({ initialMs: 5, maxMs: 1_000_000, rng }) });
  world.foos.onChange((key) => queue.add(key));
  world.deployments.onChange((_, { before, after }) => {
    const owner = controllerOf(after ?? before);
    if (owner !== undefined) queue.add(owner);
  });
  await informers.whenSynced(signal);
  const reconcile = (key: string) => reconcileFoo(world, key);
  await runController({ name: 'sample-controller', queue, reconcile, workers: 2, log, signal, isConflict });
}

/** The key of the Foo that a Deployment belongs to. */
function controllerOf(deployment: Deployment | undefined): string | undefined {
  const owner = deployment?.metadata.ownerReferences?.find(({ controller }) => controller);
  return owner?.kind === 'Foo' ? `${deployment?.metadata.namespace}/${owner.name}` : undefined;
}

async function reconcileFoo(world: World, key: string): Promise<undefined> {
  const foo = world.foos.get(key);
  // Its Deployment goes with it: it is owned.
  if (!foo) return;
  const { client, recorder } = world;
  const { namespace } = splitKey(key);
  const name = foo.spec.deploymentName;
  if (!name) throw new TerminalError('deployment name must be specified');
  let deployment = world.deployments.get(`${namespace}/${name}`);
  deployment ??= await client.create(resources.deployments, deploymentFor(foo, name));
  if (deployment.metadata.ownerReferences?.find(({ controller }) => controller)?.uid !== foo.metadata.uid) {
    const message = `Resource "${name}" already exists and is not managed by Foo`;
    recorder.event(foo, 'Warning', 'ErrResourceExists', message);
    throw new TerminalError(message);
  }
  if (foo.spec.replicas !== undefined && foo.spec.replicas !== deployment.spec?.replicas) {
    const spec = { replicas: foo.spec.replicas };
    deployment = await client.patch(resources.deployments, { namespace, name }, { type: 'merge', patch: { spec } });
  }
  const availableReplicas = deployment.status?.availableReplicas ?? 0;
  if (foo.status?.availableReplicas !== availableReplicas)
    await client.updateStatus(foos, { ...foo, status: { ...foo.status, availableReplicas } });
  recorder.event(foo, 'Normal', 'Synced', 'Foo synced successfully');
}

function deploymentFor(foo: Foo, name: string): Deployment {
  const labels = { app: 'nginx', controller: foo.metadata.name as string };
  const owner = {
    apiVersion: 'samplecontroller.k8s.io/v1alpha1',
    kind: 'Foo',
    name: foo.metadata.name as string,
    uid: foo.metadata.uid as string,
    controller: true,
    blockOwnerDeletion: true,
  };
  return {
    metadata: { name, namespace: foo.metadata.namespace as string, ownerReferences: [owner] },
    spec: {
      ...(foo.spec.replicas === undefined ? {} : { replicas: foo.spec.replicas }),
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [{ name: 'nginx', image: 'nginx:latest' }] } },
    },
  };
}
