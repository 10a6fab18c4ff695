import { Channel, type Clock } from '@berth/kit';
import { type cri, grpcError, type Init } from '@berth/protos';
import type { ContainerRuntime } from '../container-runtime.ts';

interface FakeSandbox {
  readonly id: string;
  readonly config: cri.PodSandboxConfig;
  readonly createdAt: string;
  state: cri.PodSandboxState;
  readonly ip: string;
}

interface FakeContainer {
  readonly id: string;
  readonly sandbox: FakeSandbox;
  readonly config: cri.ContainerConfig;
  readonly createdAt: string;
  state: cri.ContainerState;
  startedAt: string;
  finishedAt: string;
  exitCode: number;
  resources: cri.LinuxContainerResources | null;
}

export type FakeExec = (container: string, command: readonly string[]) => { exitCode: number; stdout?: string };

/** A CRI runtime in memory: containers run until they are told to exit, or stopped. */
export class FakeRuntime {
  readonly #clock: Clock;
  readonly #sandboxes = new Map<string, FakeSandbox>();
  readonly #containers = new Map<string, FakeContainer>();
  readonly #listeners = new Set<Channel<cri.ContainerEventResponse>>();
  readonly images = new Map<string, Partial<cri.Image>>();
  /** Images a pull can bring. */
  readonly registry = new Set<string>();
  /** Containers of these names ignore TERM. */
  readonly stubborn = new Set<string>();
  /** Containers of these names hang while they are started. */
  readonly stuck = new Set<string>();
  /** What happened, in order, as `verb name`. */
  readonly calls: string[] = [];
  /** The grace period of every stop. */
  readonly graces = new Map<string, number>();
  exec: FakeExec = () => ({ exitCode: 0 });
  failSandboxes: string | undefined;
  failCreates: string | undefined;
  failUpdates: string | undefined;
  /** Set, updates of containers wait for it. */
  heldUpdates: Promise<void> | undefined;
  #count = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get port(): ContainerRuntime {
    return {
      runtime: this.#runtime() as unknown as ContainerRuntime['runtime'],
      images: this.#images() as unknown as ContainerRuntime['images'],
      streams: {
        exec: async (id, command) => this.exec(this.#container(id).config.metadata?.name ?? '', command).exitCode,
        attach: async () => undefined,
        portForward: async () => {
          throw grpcError('UNIMPLEMENTED', 'no port to forward');
        },
      },
    };
  }

  /** Ends the newest container of that name. */
  exit(name: string, exitCode: number): void {
    const container = this.running(name);
    if (!container) throw new Error(`no running container ${name}`);
    this.#end(this.#container(container.id), exitCode);
  }

  running(name: string): { readonly id: string; readonly config: cri.ContainerConfig } | undefined {
    return [...this.#containers.values()]
      .filter(({ config, state }) => config.metadata?.name === name && state === 'CONTAINER_RUNNING')
      .at(-1);
  }

  get counts() {
    return { sandboxes: this.#sandboxes.size, containers: this.#containers.size };
  }

  /** The sandbox's process dies: it is not ready any more. */
  breakSandboxes(): void {
    for (const sandbox of this.#sandboxes.values()) sandbox.state = 'SANDBOX_NOTREADY';
    for (const container of this.#containers.values())
      if (container.state === 'CONTAINER_RUNNING') this.#end(container, 137);
  }

  #now(): string {
    return String(BigInt(Math.round(this.#clock.now())) * 1_000_000n + BigInt(++this.#count));
  }

  #container(id: string): FakeContainer {
    const found = this.#containers.get(id);
    if (!found) throw grpcError('NOT_FOUND', `container "${id}" not found`);
    return found;
  }

  #sandbox(id: string): FakeSandbox {
    const found = this.#sandboxes.get(id);
    if (!found) throw grpcError('NOT_FOUND', `sandbox "${id}" not found`);
    return found;
  }

  #end(container: FakeContainer, exitCode: number): void {
    container.state = 'CONTAINER_EXITED';
    container.exitCode = exitCode;
    container.finishedAt = this.#now();
    this.#tell(container, 'CONTAINER_STOPPED_EVENT');
  }

  #tell(container: FakeContainer, containerEventType: cri.ContainerEventType): void {
    const event = {
      containerId: container.id,
      containerEventType,
      createdAt: this.#now(),
      podSandboxStatus: this.#sandboxStatus(container.sandbox),
      containersStatuses: [],
    };
    for (const channel of this.#listeners) channel.push(event);
  }

  #sandboxStatus({ id, config, state, createdAt, ip }: FakeSandbox): cri.PodSandboxStatus {
    const hostNetwork = config.linux?.securityContext?.namespaceOptions?.network === 'NODE';
    const options = config.linux?.securityContext?.namespaceOptions ?? null;
    return {
      id,
      metadata: config.metadata,
      state,
      createdAt,
      network: { ip: hostNetwork ? '' : ip, additionalIps: [] },
      linux: { namespaces: { options } },
      labels: config.labels,
      annotations: config.annotations,
      runtimeHandler: '',
    };
  }

  #containerStatus(container: FakeContainer): cri.ContainerStatus {
    const { id, config, state, createdAt, startedAt, finishedAt, exitCode } = container;
    return {
      id,
      metadata: config.metadata,
      state,
      createdAt,
      startedAt,
      finishedAt,
      exitCode,
      image: { image: `docker.io/${config.image?.userSpecifiedImage}` } as cri.ImageSpec,
      imageRef: `sha256:${config.image?.image}`,
      imageId: '',
      reason: '',
      message: '',
      labels: config.labels,
      annotations: config.annotations,
      mounts: config.mounts ?? [],
      logPath: `${container.sandbox.config.logDirectory}/${config.logPath}`,
      resources: container.resources && { linux: container.resources, windows: null },
      user: null,
      stopSignal: 'RUNTIME_DEFAULT',
    };
  }

  #runtime() {
    return {
      Version: async () => ({ version: '0.1.0', runtimeName: 'fake', runtimeVersion: '1.0', runtimeApiVersion: 'v1' }),
      Status: async () => ({
        status: { conditions: [{ type: 'RuntimeReady', status: true, reason: '', message: '' }] },
      }),
      RunPodSandbox: async ({ config }: { config: cri.PodSandboxConfig }) => this.#runSandbox(config),
      StopPodSandbox: async ({ podSandboxId }: { podSandboxId: string }) => {
        const sandbox = this.#sandbox(podSandboxId);
        this.calls.push(`stop-sandbox ${sandbox.config.metadata?.name}`);
        sandbox.state = 'SANDBOX_NOTREADY';
        return {};
      },
      RemovePodSandbox: async ({ podSandboxId }: { podSandboxId: string }) => {
        this.calls.push(`remove-sandbox ${this.#sandbox(podSandboxId).config.metadata?.name}`);
        this.#sandboxes.delete(podSandboxId);
        return {};
      },
      PodSandboxStatus: async ({ podSandboxId }: { podSandboxId: string }) => ({
        status: this.#sandboxStatus(this.#sandbox(podSandboxId)),
      }),
      ListPodSandbox: async (request: Init<cri.ListPodSandboxRequest>) => ({
        items: [...this.#sandboxes.values()]
          .map((sandbox) => ({ ...this.#sandboxStatus(sandbox), labels: sandbox.config.labels }))
          .filter(({ labels }) => matches(labels, request.filter?.labelSelector)),
      }),
      CreateContainer: async (request: { podSandboxId: string; config: cri.ContainerConfig }) => this.#create(request),
      StartContainer: async ({ containerId }: { containerId: string }, { signal }: { signal?: AbortSignal } = {}) => {
        const container = this.#container(containerId);
        if (this.stuck.has(container.config.metadata?.name ?? ''))
          await new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason)));
        this.calls.push(`start ${container.config.metadata?.name}`);
        container.state = 'CONTAINER_RUNNING';
        container.startedAt = this.#now();
        this.#tell(container, 'CONTAINER_STARTED_EVENT');
        return {};
      },
      UpdateContainerResources: async (request: { containerId: string; linux: cri.LinuxContainerResources }) => {
        await this.heldUpdates;
        const container = this.#container(request.containerId);
        this.calls.push(`update ${container.config.metadata?.name}`);
        if (this.failUpdates) throw grpcError('UNKNOWN', this.failUpdates);
        container.resources = request.linux;
        return {};
      },
      StopContainer: (request: { containerId: string; timeout: string }) => this.#stop(request),
      RemoveContainer: async ({ containerId }: { containerId: string }) => {
        this.calls.push(`remove ${this.#container(containerId).config.metadata?.name}`);
        this.#containers.delete(containerId);
        return {};
      },
      ListContainers: async (request: Init<cri.ListContainersRequest>) => ({
        containers: [...this.#containers.values()]
          .filter(({ config }) => matches(config.labels, request.filter?.labelSelector))
          .filter(({ state }) => state === (request.filter?.state?.state ?? state))
          .map((one) => ({ ...this.#containerStatus(one), podSandboxId: one.sandbox.id })),
      }),
      ContainerStatus: async ({ containerId }: { containerId: string }) => ({
        status: this.#containerStatus(this.#container(containerId)),
      }),
      ExecSync: async ({ containerId, cmd }: { containerId: string; cmd: string[] }) => {
        const { exitCode, stdout = '' } = this.exec(this.#container(containerId).config.metadata?.name ?? '', cmd);
        return { exitCode, stdout: Buffer.from(stdout), stderr: Buffer.alloc(0) };
      },
      ReopenContainerLog: async ({ containerId }: { containerId: string }) => {
        this.calls.push(`reopen ${this.#container(containerId).config.metadata?.name}`);
        return {};
      },
      GetContainerEvents: (_request: object, { signal }: { signal?: AbortSignal }) => this.#events(signal),
    };
  }

  async *#events(signal?: AbortSignal): AsyncGenerator<cri.ContainerEventResponse> {
    const channel = new Channel<cri.ContainerEventResponse>();
    this.#listeners.add(channel);
    signal?.addEventListener('abort', () => channel.end(), { once: true });
    try {
      yield* channel;
    } finally {
      this.#listeners.delete(channel);
    }
  }

  #runSandbox(config: cri.PodSandboxConfig) {
    if (this.failSandboxes) throw grpcError('UNKNOWN', this.failSandboxes);
    const number = ++this.#count;
    const id = `sandbox-${number}`;
    this.calls.push(`sandbox ${config.metadata?.name}`);
    this.#sandboxes.set(id, { id, config, createdAt: this.#now(), state: 'SANDBOX_READY', ip: `10.1.0.${number}` });
    return { podSandboxId: id };
  }

  #create({ podSandboxId, config }: { podSandboxId: string; config: cri.ContainerConfig }) {
    if (this.failCreates) throw grpcError('UNKNOWN', this.failCreates);
    const id = `container-${++this.#count}`;
    const created = { id, sandbox: this.#sandbox(podSandboxId), config, createdAt: this.#now() };
    this.calls.push(`create ${config.metadata?.name}`);
    this.#containers.set(id, {
      ...created,
      state: 'CONTAINER_CREATED',
      startedAt: '0',
      finishedAt: '0',
      exitCode: 0,
      resources: config.linux?.resources ?? null,
    });
    return { containerId: id };
  }

  async #stop({ containerId, timeout }: { containerId: string; timeout: string }) {
    const container = this.#container(containerId);
    const name = container.config.metadata?.name ?? '';
    this.graces.set(name, Number(timeout));
    if (container.state !== 'CONTAINER_RUNNING') return {};
    const ignores = this.stubborn.has(name);
    if (ignores) await this.#clock.sleep(Number(timeout) * 1000);
    this.calls.push(`stop ${name}`);
    if (container.state === 'CONTAINER_RUNNING') this.#end(container, ignores ? 137 : 143);
    return {};
  }

  #images() {
    return {
      ImageStatus: async ({ image }: { image: { image: string } }) => {
        const known = this.images.get(image.image);
        return { image: known ? { id: image.image, uid: null, username: '', size: '1000', ...known } : null };
      },
      PullImage: async ({ image }: { image: { image: string } }) => {
        this.calls.push(`pull ${image.image}`);
        if (!this.registry.has(image.image)) throw grpcError('NOT_FOUND', `${image.image}: not found`);
        this.images.set(image.image, {});
        return { imageRef: image.image };
      },
    };
  }
}

function matches(labels: Record<string, string>, wanted: Readonly<Record<string, string | undefined>> = {}): boolean {
  return Object.entries(wanted).every(([key, value]) => labels[key] === value);
}
