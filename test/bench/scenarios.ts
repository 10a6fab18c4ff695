import { type KubeClient, type PersistentVolumeClaim, type Pod, resources, type StatefulSet } from '@berth/kube';
import { csiController, csiNode, GrpcConnection } from '@berth/protos';

const className = 'bench-immediate';
const lateClassName = 'bench-late';
const namespace = 'default';

export async function prepare(client: KubeClient): Promise<void> {
  const make = (name: string, volumeBindingMode: string) =>
    client.create(resources.storageclasses, { metadata: { name }, provisioner: 'csi.berth.local', volumeBindingMode });
  await make(className, 'Immediate');
  await make(lateClassName, 'WaitForFirstConsumer');
}

function aClaim(name: string): PersistentVolumeClaim {
  const spec = {
    accessModes: ['ReadWriteOnce'],
    storageClassName: className,
    resources: { requests: { storage: '1Mi' } },
  };
  return { metadata: { name, namespace }, spec };
}

/** Binds claims and hears of it by one watch, as a controller would. */
export class ClaimBinder implements AsyncDisposable {
  readonly #client: KubeClient;
  readonly #stop = new AbortController();
  readonly #waiting = new Map<string, () => void>();
  readonly #watching: Promise<void>;

  private constructor(client: KubeClient, resourceVersion: string) {
    this.#client = client;
    this.#watching = this.#watch(resourceVersion).catch((error: unknown) => {
      if (!this.#stop.signal.aborted) throw error;
    });
  }

  static async open(client: KubeClient): Promise<ClaimBinder> {
    const { metadata } = await client.list(resources.persistentvolumeclaims, { namespace });
    return new ClaimBinder(client, metadata.resourceVersion as string);
  }

  /** Milliseconds from the first request until all claims were seen Bound. */
  async bind(names: readonly string[]): Promise<number> {
    const started = performance.now();
    const bound = names.map((name) => new Promise<void>((resolve) => this.#waiting.set(name, resolve)));
    await Promise.all(names.map((name) => this.#client.create(resources.persistentvolumeclaims, aClaim(name))));
    await Promise.race([Promise.all(bound), this.#watching]);
    return performance.now() - started;
  }

  async #watch(resourceVersion: string): Promise<void> {
    const where = { namespace, resourceVersion };
    for await (const { object } of this.#client.watch(resources.persistentvolumeclaims, where, this.#stop.signal)) {
      if (object.status?.phase === 'Bound') this.#waiting.get(object.metadata.name as string)?.();
    }
    throw new Error('the watch of the claims ended');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#watching;
  }
}

export async function deleteClaims(client: KubeClient): Promise<void> {
  await client.raw({ method: 'DELETE', path: `/api/v1/namespaces/${namespace}/persistentvolumeclaims` });
  await until(async () => (await client.list(resources.persistentvolumes)).items.length === 0);
}

/** Small requests over one connection. */
export async function getsPerSecond(client: KubeClient, count: number): Promise<number> {
  const started = performance.now();
  for (let i = 0; i < count; i++) await client.get(resources.namespaces, { name: namespace });
  return (count / (performance.now() - started)) * 1000;
}

function aSet(name: string, replicas: number): StatefulSet {
  const container = {
    name: 'c',
    image: 'berth.local/tools:latest',
    command: ['sleep', '100000'],
    volumeMounts: [{ name: 'www', mountPath: '/data' }],
  };
  return {
    metadata: { name, namespace },
    spec: {
      selector: { matchLabels: { app: name } },
      serviceName: name,
      replicas,
      podManagementPolicy: 'Parallel',
      template: {
        metadata: { labels: { app: name } },
        spec: { terminationGracePeriodSeconds: 0, containers: [container] },
      },
      volumeClaimTemplates: [
        {
          metadata: { name: 'www' },
          spec: {
            accessModes: ['ReadWriteOnce'],
            storageClassName: lateClassName,
            resources: { requests: { storage: '1Mi' } },
          },
        },
      ],
    },
  };
}

/** Milliseconds from apply until all pods of a new StatefulSet with new claims are Running. */
export async function runSet(client: KubeClient, name: string, replicas: number): Promise<number> {
  const stop = new AbortController();
  const { metadata } = await client.list(resources.pods, { namespace });
  const events = client.watch(
    resources.pods,
    { namespace, labelSelector: `app=${name}`, resourceVersion: metadata.resourceVersion as string },
    stop.signal,
  );
  const started = performance.now();
  const creating = client.create(resources.statefulsets, aSet(name, replicas));
  const running = new Set<string>();
  for await (const { object } of events as AsyncIterable<{ object: Pod }>) {
    if (object.status?.phase === 'Running') running.add(object.metadata.name as string);
    if (running.size === replicas) break;
  }
  const took = performance.now() - started;
  stop.abort();
  await creating;
  return took;
}

export async function deleteSet(client: KubeClient, name: string): Promise<void> {
  await client.delete(resources.statefulsets, { namespace, name });
  await until(
    async () => (await client.list(resources.pods, { namespace, labelSelector: `app=${name}` })).items.length === 0,
  );
  await deleteClaims(client);
}

/** NodePublishVolume + NodeUnpublishVolume pairs a second at the driver's socket. */
export async function publishPairs(
  socket: string,
  folder: string,
  { inFlight, pairs }: { inFlight: number; pairs: number },
): Promise<number> {
  using connection = new GrpcConnection(`unix://${socket}`);
  const controller = connection.service(csiController);
  const node = connection.service(csiNode);
  const capability = { mount: { fsType: '' }, accessMode: { mode: 'SINGLE_NODE_WRITER' as const } };
  const volumes = await Promise.all(
    Array.from({ length: inFlight }, async (_, i) => {
      const { volume } = await controller.CreateVolume({
        name: `bench-${i}`,
        capacityRange: { requiredBytes: '1048576' },
        volumeCapabilities: [capability],
      });
      return {
        volumeId: volume?.volumeId ?? '',
        stagingTargetPath: `${folder}/stage-${i}`,
        targetPath: `${folder}/target-${i}`,
        volumeCapability: capability,
        volumeContext: volume?.volumeContext ?? {},
      };
    }),
  );
  const { mkdirSync } = await import('node:fs');
  for (const volume of volumes) {
    mkdirSync(volume.stagingTargetPath, { recursive: true });
    await node.NodeStageVolume(volume);
  }
  const started = performance.now();
  let left = pairs;
  await Promise.all(
    volumes.map(async (volume) => {
      while (left-- > 0) {
        await node.NodePublishVolume(volume);
        await node.NodeUnpublishVolume(volume);
      }
    }),
  );
  const perSecond = (pairs / (performance.now() - started)) * 1000;
  for (const volume of volumes) {
    await node.NodeUnstageVolume(volume);
    await controller.DeleteVolume({ volumeId: volume.volumeId });
  }
  return perSecond;
}

async function until(check: () => Promise<boolean>): Promise<void> {
  for (let i = 0; i < 3000; i++) {
    if (await check()) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error('gave up waiting after a minute');
}
