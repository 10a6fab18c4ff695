import { type FSWatcher, watch } from 'node:fs';
import { lstat, mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Backoff, type Clock, KeyedMutex, type Logger, messageOf } from '@berth/kit';
import { type Informers, isNotFound, type KubeClient, resources } from '@berth/kube';
import type { ObservedCall } from '@berth/protos';
import type { CsiNodeDriver, CsiPlugins } from './csi-plugins.ts';
import { ExpectedDrivers } from './expected-drivers.ts';
import { type DriverNodeInfo, NodeInfo } from './node-info.ts';
import { RegisteredDriver } from './registered-driver.ts';
import { notifyRegistration, type Registration, readRegistration } from './registration.ts';

export interface CsiPluginRegistryOptions {
  readonly nodeName: string;
  readonly client: KubeClient;
  readonly informers: Informers;
  /** `plugins_registry` of it is watched. */
  readonly kubeletDir: string;
  readonly clock: Clock;
  readonly log: Logger;
  /** Hears of each call to a driver, for metrics. */
  readonly observe?: ((driver: string, call: ObservedCall) => void) | undefined;
}

const nodeInfoTimeoutMs = 120_000;

/** Registers the CSI drivers that put a socket into `plugins_registry`, as long as it is there (kubelet's pluginwatcher). */
export class CsiPluginRegistry implements CsiPlugins, AsyncDisposable {
  readonly #options: CsiPluginRegistryOptions;
  readonly #directory: string;
  readonly #nodeInfo: NodeInfo;
  readonly #expected: ExpectedDrivers;
  readonly #drivers = new Map<string, RegisteredDriver>();
  /** What each of them said of this node. */
  readonly #infos = new Map<string, DriverNodeInfo>();
  readonly #subscriptions = new DisposableStack();
  /** Registered sockets, by path. */
  readonly #sockets = new Map<string, { readonly driver: string; readonly inode: number }>();
  readonly #handlers = new Set<(driverName: string) => void>();
  readonly #turns = new KeyedMutex();
  readonly #backoff = new Backoff({ initialMs: 500, maxMs: 60_000 });
  readonly #timers = new Map<string, Disposable>();
  readonly #pending = new Map<string, Promise<void>>();
  readonly #stop = new AbortController();
  #watcher: FSWatcher | undefined;
  #scan: Promise<void> | undefined;
  #scanAgain = false;

  constructor(options: CsiPluginRegistryOptions) {
    this.#options = options;
    this.#directory = join(options.kubeletDir, 'plugins_registry');
    this.#nodeInfo = new NodeInfo(options.client, options.nodeName);
    this.#expected = new ExpectedDrivers(options.clock);
  }

  find(driverName: string): CsiNodeDriver | undefined {
    return this.#drivers.get(driverName);
  }

  list(): readonly CsiNodeDriver[] {
    return [...this.#drivers.values()];
  }

  async whenSettled(driverName: string, signal: AbortSignal): Promise<void> {
    if (!this.#drivers.has(driverName)) await this.#expected.wait(driverName, signal);
  }

  onChange(handler: (driverName: string) => void): Disposable {
    this.#handlers.add(handler);
    return { [Symbol.dispose]: () => this.#handlers.delete(handler) };
  }

  /** Watches the directory and starts to register the sockets that are there. */
  async start(): Promise<void> {
    await mkdir(this.#directory, { recursive: true, mode: 0o750 });
    // What the node still lists was registered with the process before this one, and will be again.
    for (const driver of await this.#nodeInfo.drivers(this.#stop.signal)) this.#expected.add(driver);
    this.#watcher = watch(this.#directory, { persistent: false }, () => this.#rescan());
    this.#watcher.on('error', (error) => this.#options.log.error('cannot watch plugins_registry', { error }));
    this.#rescan();
    this.#followNode();
    await this.#scan;
  }

  /**
   * Registers a driver whose socket is known without a registration socket; again, to tell that it was started anew.
   * @throws GrpcError – it does not answer; ApiError – the node's objects cannot be written.
   */
  register(driver: string, endpoint: string): Promise<void> {
    return this.#turns.run(driver, () => this.#register({ driver, endpoint }));
  }

  /** Forgets a driver: nothing more is mounted or unmounted through it. */
  unregister(driver: string): Promise<void> {
    return this.#turns.run(driver, () => this.#unregister(driver));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    this.#subscriptions[Symbol.dispose]();
    this.#watcher?.close();
    for (const timer of this.#timers.values()) timer[Symbol.dispose]();
    await this.#scan;
    await Promise.all(this.#pending.values());
    for (const driver of this.#drivers.values()) driver[Symbol.dispose]();
    this.#drivers.clear();
    this.#expected[Symbol.dispose]();
  }

  /** A node that was deleted is registered anew, but without what drivers said of it; its CSINode may go before that or after. */
  #followNode(): void {
    const { informers, nodeName } = this.#options;
    const nodes = informers.of(resources.nodes);
    let uid = nodes.get(nodeName)?.metadata.uid;
    this.#subscriptions.use(
      nodes.onChange((key, { after }) => {
        if (key !== nodeName || !after || after.metadata.uid === uid) return;
        if (uid !== undefined) this.#installAgain();
        uid = after.metadata.uid;
      }),
    );
    this.#subscriptions.use(
      informers.of(resources.csinodes).onChange((key, { after }) => {
        if (key === nodeName && !after) this.#installAgain();
      }),
    );
  }

  #installAgain(): void {
    const { log } = this.#options;
    for (const driver of this.#infos.keys()) {
      const install = async () => {
        const info = this.#infos.get(driver);
        if (info) await this.#nodeInfo.install(info, this.#stop.signal);
      };
      this.#turns.run(driver, install).catch((error: unknown) => {
        // Without its node there is nothing to write to until it is registered again.
        if (!this.#stop.signal.aborted && !isNotFound(error))
          log.warn('the node does not list a driver', { driver, error });
      });
    }
  }

  #rescan(): void {
    this.#scanAgain = true;
    this.#scan ??= this.#scanAll().finally(() => {
      this.#scan = undefined;
    });
  }

  async #scanAll(): Promise<void> {
    while (this.#scanAgain && !this.#stop.signal.aborted) {
      this.#scanAgain = false;
      const found = await this.#findSockets();
      const gone = [...this.#sockets].filter(([socket, { inode }]) => found.get(socket) !== inode);
      for (const [socket, { driver }] of gone) this.#socketGone(socket, driver);
      for (const [socket, inode] of found) {
        if (this.#sockets.has(socket) || this.#timers.has(socket) || this.#pending.has(socket)) continue;
        // Not awaited here: a plugin that hangs holds up nobody else's registration.
        const task = this.#registerSocket(socket, inode).finally(() => this.#pending.delete(socket));
        this.#pending.set(socket, task);
      }
    }
  }

  async #findSockets(): Promise<Map<string, number>> {
    const found = new Map<string, number>();
    for (const name of await readdir(this.#directory).catch(() => [])) {
      if (name.startsWith('.')) continue;
      const facts = await lstat(join(this.#directory, name)).catch(() => undefined);
      if (facts?.isSocket()) found.set(join(this.#directory, name), facts.ino);
    }
    return found;
  }

  async #registerSocket(socket: string, inode: number): Promise<void> {
    const { log, clock } = this.#options;
    try {
      const registration = await readRegistration(socket);
      const problem = await this.register(registration.driver, registration.endpoint).then(() => undefined, messageOf);
      await notifyRegistration(socket, problem);
      if (problem !== undefined) throw new Error(problem);
      this.#sockets.set(socket, { driver: registration.driver, inode });
      this.#backoff.forget(socket);
    } catch (error) {
      if (this.#stop.signal.aborted) return;
      const retryInMs = this.#backoff.next(socket);
      log.warn('a plugin could not be registered', { socket, error, retryInMs });
      const timer = clock.schedule(retryInMs, () => {
        this.#timers.delete(socket);
        this.#rescan();
      });
      this.#timers.set(socket, timer);
    }
  }

  #socketGone(socket: string, driver: string): void {
    this.#sockets.delete(socket);
    // Another socket may have registered the same driver meanwhile (a new version of it, started first).
    if ([...this.#sockets.values()].some((other) => other.driver === driver)) return;
    this.unregister(driver).catch((error: unknown) =>
      this.#options.log.warn('a driver is gone, but the node still lists it', { driver, error }),
    );
  }

  async #register({ driver, endpoint }: Registration): Promise<void> {
    const { clock, observe } = this.#options;
    const fresh = new RegisteredDriver(driver, endpoint, clock, (call) => observe?.(driver, call));
    try {
      const info = await fresh.node.NodeGetInfo({}, { signal: this.#stop.signal, timeoutMs: nodeInfoTimeoutMs });
      const topology = info.accessibleTopology?.segments ?? {};
      const maxVolumes = Math.min(Number(info.maxVolumesPerNode), 2 ** 31 - 1);
      const said = { driver, nodeId: info.nodeId, maxVolumes, topology };
      await this.#nodeInfo.install(said, this.#stop.signal);
      this.#infos.set(driver, said);
    } catch (error) {
      fresh[Symbol.dispose]();
      throw error;
    }
    this.#drivers.get(driver)?.[Symbol.dispose]();
    this.#drivers.set(driver, fresh);
    this.#expected.arrived(driver);
    this.#options.log.info('CSI driver registered', { driver, endpoint });
    this.#changed(driver);
  }

  async #unregister(driver: string): Promise<void> {
    const known = this.#drivers.get(driver);
    if (!known || this.#stop.signal.aborted) return;
    this.#drivers.delete(driver);
    this.#infos.delete(driver);
    this.#expected.add(driver);
    known[Symbol.dispose]();
    this.#changed(driver);
    this.#options.log.info('CSI driver unregistered', { driver });
    await this.#nodeInfo.uninstall(driver, this.#stop.signal);
  }

  #changed(driver: string): void {
    for (const handler of this.#handlers) handler(driver);
  }
}
