import { type Clock, KeyedMutex, messageOf } from '@berth/kit';
import { type cri, grpcError } from '@berth/protos';
import { createContainer, undoContainer } from './container-create.ts';
import { readExit } from './container-exit.ts';
import { containerLogPath } from './container-log.ts';
import { endCompanions, stopContainer } from './container-stop.ts';
import type { ResolvedImage } from './image-source.ts';
import { isAlive } from './process-id.ts';
import { type ContainerRecord, type SandboxRecord, writeContainer } from './records.ts';
import { newId, type RuntimeContext } from './runtime-context.ts';
import type { RuntimeEvent } from './runtime-events.ts';

/** The containers of one runtime: their records, and the operations that move them from one state to the next. */
export class Containers {
  readonly #context: RuntimeContext;
  readonly #records: Map<string, ContainerRecord>;
  readonly #names = new Map<string, string>();
  readonly #mutex = new KeyedMutex();
  readonly #exitWaiters = new Map<string, Set<() => void>>();

  constructor(context: RuntimeContext, records: readonly ContainerRecord[]) {
    this.#context = context;
    this.#records = new Map(records.map((record) => [record.id, record]));
    for (const record of records) this.#names.set(containerName(record.sandboxId, record.config), record.id);
  }

  list(sandboxId?: string): ContainerRecord[] {
    const all = [...this.#records.values()].filter(({ state }) => state !== 'creating');
    return sandboxId === undefined ? all : all.filter((record) => record.sandboxId === sandboxId);
  }

  /** @throws GrpcError NOT_FOUND */
  get(id: string): ContainerRecord {
    const found = this.find(id);
    if (!found) throw grpcError('NOT_FOUND', `an error occurred when try to find container "${id}": not found`);
    return found;
  }

  find(id: string): ContainerRecord | undefined {
    const record = this.#records.get(id);
    return record?.state === 'creating' ? undefined : record;
  }

  /** @throws GrpcError NOT_FOUND – the image; ALREADY_EXISTS – the name and attempt; INVALID_ARGUMENT – the config. */
  async create(sandbox: SandboxRecord, config: cri.ContainerConfig): Promise<string> {
    const { rng, images, layout, log } = this.#context;
    if (!config.metadata?.name) throw grpcError('INVALID_ARGUMENT', 'container config without metadata');
    if (sandbox.state !== 'ready') {
      throw grpcError('FAILED_PRECONDITION', `sandbox container "${sandbox.id}" is not running`);
    }
    const name = containerName(sandbox.id, config);
    const holder = this.#names.get(name);
    if (holder) throw grpcError('ALREADY_EXISTS', `container name "${name}" is reserved for "${holder}"`);
    const id = newId(rng);
    this.#names.set(name, id);
    let record: ContainerRecord | undefined;
    try {
      const reference = config.image?.image ?? '';
      const image = await images.resolve(reference);
      if (!image) throw grpcError('NOT_FOUND', `failed to resolve image "${reference}": not found`);
      const target = this.#pidTarget(config);
      record = this.#newRecord({ id, sandbox, config, image, layout });
      const created = await createContainer(this.#context, {
        ...{ record, config, sandbox, image },
        ...(target !== undefined && { targetPid: target }),
      });
      this.#records.set(id, created);
      this.#publish('CONTAINER_CREATED_EVENT', created);
      return id;
    } catch (error) {
      if (record) {
        await undoContainer(this.#context, id, record).catch((cause: unknown) =>
          log.warn('container left for the next start', { id, cause }),
        );
      }
      this.#names.delete(name);
      throw error;
    }
  }

  #newRecord(parts: {
    id: string;
    sandbox: SandboxRecord;
    config: cri.ContainerConfig;
    image: ResolvedImage;
    layout: RuntimeContext['layout'];
  }): ContainerRecord {
    const { id, sandbox, config, image } = parts;
    const asked = config.stopSignal === 'RUNTIME_DEFAULT' ? '' : config.stopSignal;
    return {
      id,
      sandboxId: sandbox.id,
      state: 'creating',
      createdAtMs: this.#context.clock.now(),
      bootId: this.#context.bootId,
      config: { ...config, envs: [] },
      imageId: image.id,
      imageRef: image.ref ?? image.id,
      stopSignal: asked || image.config.StopSignal || 'SIGTERM',
      logPath: containerLogPath(sandbox.config, config),
      cgroupPath: `${sandbox.cgroupParent}/${id}`,
      user: { uid: 0, gid: 0, groups: [] },
    };
  }

  #pidTarget(config: cri.ContainerConfig): number | undefined {
    const options = config.linux?.securityContext?.namespaceOptions;
    if (options?.pid !== 'TARGET') return undefined;
    const target = this.get(options.targetId);
    if (target.state !== 'running' || !target.process) {
      throw grpcError('FAILED_PRECONDITION', `target container "${options.targetId}" is not running`);
    }
    return target.process.pid;
  }

  /** @throws GrpcError FAILED_PRECONDITION – it was started before; UNKNOWN – the OCI runtime's own complaint. */
  start(id: string): Promise<void> {
    return this.#mutex.run(id, async () => {
      const { oci, clock } = this.#context;
      const record = this.get(id);
      if (record.state !== 'created') {
        throw grpcError('FAILED_PRECONDITION', `container "${id}" is in ${criState(record.state)} state`);
      }
      await oci.prepareStart(id);
      await this.#save({ ...record, state: 'running', startedAtMs: clock.now() });
      try {
        await oci.start(id, record.process, clock);
      } catch (error) {
        const message = messageOf(error);
        await this.#finish(id, { exitCode: 128, finishedAtMs: clock.now(), reason: 'StartError', message });
        throw grpcError('UNKNOWN', `failed to start container "${id}": ${message}`, { cause: error });
      }
      this.#publish('CONTAINER_STARTED_EVENT', this.get(id));
    });
  }

  /** TERM, and KILL after the timeout; resolves when it has ended. Idempotent. */
  async stop(id: string, timeoutMs: number): Promise<void> {
    const record = this.find(id);
    if (!record || isOver(record)) return;
    await stopContainer(this.#context, this, record, timeoutMs);
  }

  /** Ends a running container at once and removes it with its writable layer; its log stays. Idempotent. */
  async remove(id: string): Promise<void> {
    await this.#discardUnstarted(id);
    await this.stop(id, 0);
    await this.#mutex.run(id, async () => {
      const record = this.#records.get(id);
      if (!record) return;
      await undoContainer(this.#context, id, record);
      this.#records.delete(id);
      this.#names.delete(containerName(record.sandboxId, record.config));
      this.#publish('CONTAINER_DELETED_EVENT', record);
    });
  }

  /** A crash in the middle of its removal must not make an end, and so a restart, of what never ran. */
  #discardUnstarted(id: string): Promise<void> {
    return this.#mutex.run(id, async () => {
      const record = this.#records.get(id);
      if (record?.state === 'created') await this.#save({ ...record, state: 'discarded' });
    });
  }

  async updateResources(id: string, resources: cri.LinuxContainerResources): Promise<void> {
    await this.#mutex.run(id, async () => {
      const record = this.get(id);
      const linux = { resources, securityContext: record.config.linux?.securityContext ?? null };
      await this.#save({ ...record, config: { ...record.config, linux } });
    });
  }

  /** Looks at the exit file of `id`, and where its processes died without one, at that. */
  observeExit(id: string): Promise<void> {
    return this.#mutex.run(id, async () => {
      const record = this.#records.get(id);
      if (!record || isOver(record) || record.state === 'creating') return;
      const exit = await readExit(this.#context, record);
      if (!exit) return;
      await endCompanions(this.#context, record);
      await this.#finish(id, exit);
    });
  }

  /** True once it has ended, false when `ms` pass first. */
  async waitExit(id: string, ms: number): Promise<boolean> {
    const ended = () => (this.#records.get(id)?.state ?? 'exited') === 'exited';
    if (ended()) return true;
    const waiters = this.#exitWaiters.get(id) ?? new Set();
    this.#exitWaiters.set(id, waiters);
    await woken(this.#context.clock, ms, waiters);
    return ended();
  }

  /** Running by the record while its processes are gone: conmon was killed too, so no exit file will come. */
  isLost(record: ContainerRecord): boolean {
    return !isOver(record) && !isAlive(record.process) && !isAlive(record.conmon);
  }

  async #finish(
    id: string,
    exit: Required<Pick<ContainerRecord, 'exitCode' | 'finishedAtMs' | 'reason'>> & { message?: string },
  ) {
    const { layout, log } = this.#context;
    const ended: ContainerRecord = { ...this.get(id), state: 'exited', ...exit };
    this.#records.set(id, ended);
    // A full disk must not keep it running here: the next start reads the exit file again.
    await writeContainer(layout.container(id), ended).catch((error: unknown) =>
      log.warn('end of a container not recorded', { id, error }),
    );
    for (const wake of this.#exitWaiters.get(id) ?? []) wake();
    this.#exitWaiters.delete(id);
    this.#publish('CONTAINER_STOPPED_EVENT', ended);
  }

  async #save(record: ContainerRecord): Promise<void> {
    await writeContainer(this.#context.layout.container(record.id), record);
    this.#records.set(record.id, record);
  }

  #publish(type: RuntimeEvent['type'], { id, sandboxId }: ContainerRecord): void {
    this.#context.events.publish({ type, id, sandboxId, atMs: this.#context.clock.now() });
  }
}

/** Nothing more will be heard of its processes. */
function isOver({ state }: ContainerRecord): boolean {
  return state === 'exited' || state === 'discarded';
}

function woken(clock: Clock, ms: number, waiters: Set<() => void>): Promise<void> {
  return new Promise((resolve) => {
    const wake = () => {
      timer[Symbol.dispose]();
      waiters.delete(wake);
      resolve();
    };
    const timer = clock.schedule(ms, wake);
    waiters.add(wake);
  });
}

function containerName(sandboxId: string, { metadata }: cri.ContainerConfig): string {
  return `${metadata?.name}_${sandboxId}_${metadata?.attempt}`;
}

export function criState(state: ContainerRecord['state']): cri.ContainerState {
  const states = {
    creating: 'CONTAINER_UNKNOWN',
    created: 'CONTAINER_CREATED',
    running: 'CONTAINER_RUNNING',
    exited: 'CONTAINER_EXITED',
    // Until it is gone, whoever asked to remove it may ask again.
    discarded: 'CONTAINER_CREATED',
  } as const;
  return states[state];
}
