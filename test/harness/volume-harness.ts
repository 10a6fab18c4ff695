import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FakeClock, seededRng, silentLogger } from '@berth/kit';
import {
  type ApiRequest,
  type CSIDriver,
  KubeClient,
  type PersistentVolume,
  type PersistentVolumeClaim,
  type Pod,
  resources,
  startInformers,
  type Transport,
  type Volume,
  type WatchEvent,
} from '@berth/kube';
import { FakeKernel, type Mounter } from '@berth/linux';
import { CsiPluginRegistry, startVolumeManager, type VolumeManager } from '@berth/volume-manager';
import { FakeApi } from './fake-api.ts';
import { FakeEvents } from './fake-recorder.ts';

interface TokenSpec {
  readonly audiences: string[];
  readonly expirationSeconds: number;
  readonly boundObjectRef: { readonly uid: string };
}

/** FakeApi plus the TokenRequest subresource. */
class TokenApi implements Transport {
  readonly api: FakeApi;
  readonly tokens: TokenSpec[] = [];
  readonly #clock: FakeClock;

  constructor(clock: FakeClock) {
    this.#clock = clock;
    this.api = new FakeApi({ clock });
  }

  async request(request: ApiRequest, signal?: AbortSignal): Promise<unknown> {
    if (!request.path.split('?')[0]?.endsWith('/token')) return this.api.request(request, signal);
    const { spec } = request.body as { spec: TokenSpec };
    this.tokens.push(spec);
    const expirationTimestamp = new Date(this.#clock.now() + spec.expirationSeconds * 1000).toISOString();
    return { status: { token: `token-${this.tokens.length}`, expirationTimestamp } };
  }

  watch(request: ApiRequest, signal: AbortSignal): AsyncIterable<WatchEvent> {
    return this.api.watch(request, signal);
  }
}

export interface VolumeHarnessOptions {
  readonly mounter?: Mounter;
  /** An existing directory of an earlier harness: a process that was killed and starts anew. */
  readonly kubeletDir?: string;
  readonly transport?: TokenApi;
  readonly clock?: FakeClock;
  /** The kubelet's part: writes the node's status. */
  readonly onInUse?: (names: readonly string[]) => void;
}

export const nodeName = 'node-0';

/** What is waited for comes within a second, on a machine that has nothing else to do. */
const untilMs = 50_000;

/** A node's volume manager with an API server in memory; its CSI drivers are real sockets. */
export async function volumeHarness(options: VolumeHarnessOptions = {}) {
  const clock = options.clock ?? new FakeClock();
  const transport = options.transport ?? new TokenApi(clock);
  const client = new KubeClient(transport);
  const stop = new AbortController();
  const informers = startInformers(client, { clock, log: silentLogger, rng: seededRng(7) }, stop.signal);
  const kubeletDir = options.kubeletDir ?? (await mkdtemp(join(tmpdir(), 'berth-volumes-')));
  const mounter = options.mounter ?? new FakeKernel();
  const events = new FakeEvents();
  const common = { nodeName, client, informers, kubeletDir, clock, log: silentLogger };
  if (!(await client.find(resources.nodes, { name: nodeName }))) {
    await client.create(resources.nodes, { metadata: { name: nodeName } });
  }
  const registry = new CsiPluginRegistry(common);
  await registry.start();
  const inUseChanges: (readonly string[])[] = [];
  const manager: VolumeManager = await startVolumeManager(
    {
      ...common,
      mounter,
      rng: seededRng(3),
      csi: registry,
      events: events.recorder('kubelet'),
      onVolumesInUseChange: () => {
        inUseChanges.push(manager.volumesInUse());
        options.onInUse?.(manager.volumesInUse());
      },
      allocatable: { cpu: '2', memory: '1Gi' },
    },
    stop.signal,
  );
  /** Ends as a killed process does: nothing is cleaned up. */
  const kill = async () => {
    stop.abort();
    await manager[Symbol.asyncDispose]();
    await registry[Symbol.asyncDispose]();
    await informers[Symbol.asyncDispose]();
  };
  return {
    api: transport.api,
    transport,
    client,
    clock,
    kubeletDir,
    mounter,
    events,
    registry,
    manager,
    inUseChanges,
    kill,
    /** Moves time on until something is so. */
    async until(isTrue: () => boolean | Promise<boolean>, what = 'the condition'): Promise<void> {
      const endMs = performance.now() + untilMs;
      for (let looks = 0; performance.now() < endMs; looks++) {
        if (await isTrue()) return;
        // Drivers answer in real time, of which a busy machine takes more: no deadline is to pass meanwhile.
        await new Promise((resolve) => setTimeout(resolve, looks < 300 ? 1 : 30));
        await clock.advance(100);
      }
      throw new Error(`${what} did not come true`);
    },
    async [Symbol.asyncDispose]() {
      await kill();
      await rm(kubeletDir, { recursive: true, force: true });
    },
  };
}

export type VolumeHarness = Awaited<ReturnType<typeof volumeHarness>>;

export interface ClaimFacts {
  readonly name: string;
  readonly driver: string;
  readonly handle?: string;
  readonly accessModes?: string[];
  readonly pv?: Partial<NonNullable<PersistentVolume['spec']>>;
}

/** A claim and its volume, bound to each other. */
export async function bindClaim(client: KubeClient, facts: ClaimFacts): Promise<void> {
  const { name, driver, handle = `handle-${name}`, accessModes = ['ReadWriteOnce'] } = facts;
  const volumeName = `pv-${name}`;
  const claim: PersistentVolumeClaim = await client.create(resources.persistentvolumeclaims, {
    metadata: { name, namespace: 'default' },
    spec: { accessModes, volumeName },
  });
  const claimRef = { namespace: 'default', name, uid: claim.metadata.uid ?? '' };
  await client.create(resources.persistentvolumes, {
    metadata: { name: volumeName },
    spec: { accessModes, claimRef, csi: { driver, volumeHandle: handle }, ...facts.pv },
  });
  await client.patch(
    resources.persistentvolumeclaims,
    { namespace: 'default', name },
    { type: 'merge', patch: { status: { phase: 'Bound' } } },
    { subresource: 'status' },
  );
}

export function csiDriverObject(name: string, spec: CSIDriver['spec'] = {}): CSIDriver {
  return { metadata: { name }, spec: { attachRequired: false, ...spec } };
}

let pods = 0;

/** A pod of one container that mounts each of its volumes at `/<name>`. */
export function aPod(volumes: readonly Volume[], change: (pod: Pod) => void = () => undefined): Pod {
  const uid = `00000000-0000-4000-8000-${String(++pods).padStart(12, '0')}`;
  const pod: Pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: `pod-${pods}`, namespace: 'default', uid, labels: {}, annotations: {} },
    spec: {
      nodeName,
      containers: [{ name: 'c', volumeMounts: volumes.map(({ name }) => ({ name, mountPath: `/${name}` })) }],
      volumes: [...volumes],
    },
  };
  change(pod);
  return pod;
}

export function claimVolume(claimName: string, name = 'data'): Volume {
  return { name, persistentVolumeClaim: { claimName } };
}
