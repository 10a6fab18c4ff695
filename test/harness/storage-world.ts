import { FakeClock, Metrics, type Rng, seededRng, silentLogger } from '@berth/kit';
import { KubeClient, type KubeObject, type ResourceType, resources, startInformers, type Transport } from '@berth/kube';
import {
  type ProvisionerSettings,
  type ResizerSettings,
  startAttacher,
  startProvisioner,
  startResizer,
} from '@berth/provisioner';
import { startEphemeralVolumeController } from '../../orchestrator/src/controllers/volume/start-ephemeral-volume-controller.ts';
import { startExpandController } from '../../orchestrator/src/controllers/volume/start-expand-controller.ts';
import { startPersistentVolumeController } from '../../orchestrator/src/controllers/volume/start-persistent-volume-controller.ts';
import { startProtectionControllers } from '../../orchestrator/src/controllers/volume/start-protection-controllers.ts';
import { FakeApi, type Write } from './fake-api.ts';
import { FakeCsi, type FakeCsiOptions } from './fake-csi.ts';
import { FakeEvents } from './fake-recorder.ts';
import { until } from './until.ts';

/** What the world needs of an API server: {@link FakeApi}, or the real one watched. */
export type WorldApi = Transport &
  Pick<FakeApi, 'all'> &
  Partial<AsyncDisposable> & { readonly writes: readonly Write[] };

export interface WorldOptions {
  readonly csi?: FakeCsiOptions;
  readonly settings?: Partial<ProvisionerSettings>;
  /** Without a provisioner only the controllers run. */
  readonly provisioner?: boolean;
  readonly attacher?: boolean;
  readonly resizer?: Partial<ResizerSettings>;
  readonly metrics?: Metrics;
}

/** The storage controllers and sidecars on an API and a driver in memory, in virtual time. */
export class StorageWorld<Api extends WorldApi = FakeApi> implements AsyncDisposable {
  readonly clock: FakeClock;
  readonly rng: Rng;
  readonly api: Api;
  readonly client: KubeClient;
  readonly events = new FakeEvents();
  readonly csi: FakeCsi;
  readonly #options: WorldOptions;
  readonly #stack = new AsyncDisposableStack();

  private constructor({ clock, rng, api }: { clock: FakeClock; rng: Rng; api: Api }, options: WorldOptions) {
    this.clock = clock;
    this.rng = rng;
    this.api = api;
    this.client = new KubeClient(api);
    this.#stack.defer(async () => api[Symbol.asyncDispose]?.());
    this.#options = options;
    this.csi = new FakeCsi(options.csi);
  }

  static start(options: WorldOptions = {}): Promise<StorageWorld> {
    return StorageWorld.startOn(async (clock, rng) => new FakeApi({ clock, rng }), options);
  }

  static async startOn<Api extends WorldApi>(
    makeApi: (clock: FakeClock, rng: Rng) => Promise<Api>,
    options: WorldOptions,
  ): Promise<StorageWorld<Api>> {
    const clock = new FakeClock();
    const rng = seededRng(7);
    const world = new StorageWorld({ clock, rng, api: await makeApi(clock, rng) }, options);
    const { signal } = world.#stack.adopt(new AbortController(), (controller) => controller.abort());
    world.startControllers(signal);
    if (options.provisioner !== false) await world.startProvisioner();
    if (options.attacher) {
      const attacher = world.#stack.use(startAttacher(world.#sidecar(signal), signal));
      await until(world.clock, settled(attacher.ready));
    }
    if (options.resizer) {
      const resizer = world.#stack.use(startResizer({ ...world.#sidecar(signal), settings: options.resizer }, signal));
      await until(world.clock, settled(resizer.ready));
    }
    return world;
  }

  startControllers(signal: AbortSignal): void {
    const deps = { ...this.#sidecar(signal), rng: this.rng };
    this.#stack.use(startPersistentVolumeController(deps, signal));
    this.#stack.use(startProtectionControllers(deps, signal));
    this.#stack.use(startEphemeralVolumeController(deps, signal));
    this.#stack.use(startExpandController(deps, signal));
  }

  /** A provisioner of its own caches; disposing it stops it as a crash would, in the middle of what it does. */
  async startProvisioner(
    settings: Partial<ProvisionerSettings> = this.#options.settings ?? {},
  ): Promise<AsyncDisposable> {
    const controller = new AbortController();
    const provisioner = startProvisioner({ ...this.#sidecar(controller.signal), settings }, controller.signal);
    const handle = {
      [Symbol.asyncDispose]: async () => {
        controller.abort();
        await provisioner[Symbol.asyncDispose]();
      },
    };
    this.#stack.use(handle);
    await until(this.clock, settled(provisioner.ready), { disk: settings.journalDir !== undefined });
    return handle;
  }

  #sidecar(signal: AbortSignal) {
    const { client, clock, rng } = this;
    const log = silentLogger;
    const informers = startInformers(client, { clock, log, rng }, signal);
    const { metrics = new Metrics() } = this.#options;
    return { client, clock, rng, log, informers, csi: this.csi.clients, recorder: this.events.recorder, metrics };
  }

  create<T extends KubeObject>(type: ResourceType<T>, object: T): Promise<T> {
    return this.client.create(type, object);
  }

  one<T extends KubeObject>(type: ResourceType<T>, name: string): T | undefined {
    return this.api.all(type).find(({ metadata }) => metadata.name === name);
  }

  until(condition: () => boolean, options?: { stepMs?: number; limitMs?: number; disk?: boolean }): Promise<void> {
    return until(this.clock, condition, options);
  }

  claimPhase(name: string): string | undefined {
    return this.one(resources.persistentvolumeclaims, name)?.status?.phase;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }
}

function settled(promise: Promise<unknown>): () => boolean {
  let done = false;
  promise.then(
    () => {
      done = true;
    },
    () => undefined,
  );
  return () => done;
}
