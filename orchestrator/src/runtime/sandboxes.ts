import { mkdir, rm } from 'node:fs/promises';
import { KeyedMutex, messageOf } from '@berth/kit';
import { mountAside } from '@berth/linux';
import { type cri, grpcError } from '@berth/protos';
import type { PublishedPort } from '../network/firewall.ts';
import { cgroupProcesses, ensureCgroup, joinCgroup, moveProcess, removeCgroup } from './cgroups.ts';
import { childrenOf, signalProcess } from './process-id.ts';
import { killUntilGone, processesNaming } from './processes-naming.ts';
import { type SandboxRecord, writeSandbox } from './records.ts';
import { newId, type RuntimeContext } from './runtime-context.ts';
import { writeSandboxFiles } from './sandbox-files.ts';
import {
  canBeJoined,
  pinNamespaces,
  sandboxNamespaces,
  startPause,
  unmountAll,
  unpinNamespaces,
} from './sandbox-namespaces.ts';

const makerPatienceMs = 2000;

/** The sandboxes of one runtime: pinned namespaces, network, files and cgroup of a pod. */
export class Sandboxes {
  readonly #context: RuntimeContext;
  readonly #records: Map<string, SandboxRecord>;
  readonly #names = new Map<string, string>();
  readonly #mutex = new KeyedMutex();

  /** `records` are those of complete sandboxes. */
  constructor(context: RuntimeContext, records: readonly SandboxRecord[]) {
    this.#context = context;
    this.#records = new Map(records.map((record) => [record.id, record]));
    for (const { id, config } of records) this.#names.set(sandboxName(config), id);
  }

  /** Those that `isMeant`, by what does not change: only about them the kernel is asked. */
  list(isMeant: (record: SandboxRecord) => boolean = () => true): SandboxRecord[] {
    return [...this.#records.values()]
      .filter((record) => record.state !== 'creating' && isMeant(record))
      .map((record) => this.#asItIs(record));
  }

  /** By id, or by an unambiguous beginning of one. @throws GrpcError NOT_FOUND */
  get(id: string): SandboxRecord {
    const found = this.find(id);
    if (!found) throw grpcError('NOT_FOUND', `an error occurred when try to find sandbox: sandbox "${id}": not found`);
    return found;
  }

  find(id: string): SandboxRecord | undefined {
    const record = this.#records.get(id);
    return !record || record.state === 'creating' ? undefined : this.#asItIs(record);
  }

  /** One that no container can join any more is as good as stopped, so that whoever asks makes another; what it holds goes with its stop. */
  #asItIs(record: SandboxRecord): SandboxRecord {
    const lost = record.state === 'ready' && !canBeJoined(this.#context.layout, record);
    return lost ? { ...record, state: 'stopped' } : record;
  }

  /**
   * @throws GrpcError ALREADY_EXISTS – a sandbox of the same pod and attempt exists.
   * @throws GrpcError INVALID_ARGUMENT – a config without metadata, or asking what this runtime has not.
   */
  async run(config: cri.PodSandboxConfig, runtimeHandler: string): Promise<string> {
    const { layout, clock, rng, bootId, log } = this.#context;
    checkConfig(config, runtimeHandler);
    const name = sandboxName(config);
    const holder = this.#names.get(name);
    if (holder) throw grpcError('ALREADY_EXISTS', `sandbox name "${name}" is reserved for "${holder}"`);
    const id = newId(rng);
    this.#names.set(name, id);
    const record: SandboxRecord = {
      id,
      state: 'creating',
      createdAtMs: clock.now(),
      bootId,
      runtimeHandler,
      config,
      cgroupParent: layout.cgroupParent(config.linux?.cgroupParent ?? '', config.metadata?.uid ?? id),
      ips: [],
    };
    try {
      await this.#make(record);
      return id;
    } catch (error) {
      await undoSandbox(this.#context, id, record).catch((cause: unknown) =>
        log.warn('sandbox left for the next start', { id, cause }),
      );
      this.#names.delete(name);
      throw error;
    }
  }

  async #make(record: SandboxRecord): Promise<void> {
    const { layout, network, events, clock } = this.#context;
    const { id, config } = record;
    await mkdir(layout.sandbox(id), { recursive: true, mode: 0o711 });
    await writeSandbox(layout.sandbox(id), record);
    const kinds = sandboxNamespaces(config);
    const addresses = async () => {
      await pinNamespaces(layout, id, kinds);
      return kinds.includes('net') ? network.add(id, layout.namespace(id, 'net')) : [];
    };
    const files = async () => {
      await writeSandboxFiles(layout, id, config);
      if (config.logDirectory !== '') await mkdir(config.logDirectory, { recursive: true });
      await mkdir(layout.shm(id), { recursive: true });
      const options = ['nosuid', 'nodev', 'noexec', 'mode=1777', 'size=65536k'];
      await mountAside({ fsType: 'tmpfs', source: 'shm', target: layout.shm(id), options });
    };
    const settled = await Promise.allSettled([addresses(), files(), this.#limit(record)]);
    for (const result of settled) if (result.status === 'rejected') throw result.reason;
    const ips = settled[0].status === 'fulfilled' ? settled[0].value : [];
    await network.publish(id, publishedPorts({ ...record, ips }));
    const pause = kinds.includes('pid') ? await this.#startPause(record) : undefined;
    const ready: SandboxRecord = { ...record, state: 'ready', ips, ...(pause && { pause }) };
    await writeSandbox(layout.sandbox(id), ready);
    this.#records.set(id, ready);
    const event = { id, sandboxId: id, atMs: clock.now() };
    events.publish({ ...event, type: 'CONTAINER_CREATED_EVENT' });
    events.publish({ ...event, type: 'CONTAINER_STARTED_EVENT' });
  }

  async #limit({ config, cgroupParent }: SandboxRecord): Promise<void> {
    const resources = ownsCgroup(config) && config.linux?.resources;
    if (resources) await ensureCgroup(this.#context.cgroups, cgroupParent, resources);
  }

  async #startPause({ id, cgroupParent }: SandboxRecord) {
    const { cgroups, survivorCgroups } = this.#context;
    const pause = await startPause(this.#context, id);
    const group = [pause.pid, ...childrenOf(pause.pid)];
    for (const pid of group) await moveProcess(survivorCgroups, pid).catch(() => undefined);
    await joinCgroup(cgroups, `${cgroupParent}/pause`, pause.pid);
    return pause;
  }

  /** Ends the sandbox's network and namespaces; its containers have been stopped. Idempotent. */
  stop(id: string): Promise<void> {
    return this.#mutex.run(id, async () => {
      const { layout, events, clock } = this.#context;
      const record = this.#records.get(id);
      if (!record || record.state === 'stopped') return;
      await releaseSandbox(this.#context, id, record);
      const stopped: SandboxRecord = { ...record, state: 'stopped' };
      await writeSandbox(layout.sandbox(id), stopped);
      this.#records.set(id, stopped);
      events.publish({ type: 'CONTAINER_STOPPED_EVENT', id, sandboxId: id, atMs: clock.now() });
    });
  }

  /** Forgets a stopped sandbox. Idempotent. */
  remove(id: string): Promise<void> {
    return this.#mutex.run(id, async () => {
      const { events, clock } = this.#context;
      const record = this.#records.get(id);
      if (!record) return;
      await undoSandbox(this.#context, id, record);
      this.#records.delete(id);
      this.#names.delete(sandboxName(record.config));
      events.publish({ type: 'CONTAINER_DELETED_EVENT', id, sandboxId: id, atMs: clock.now() });
    });
  }
}

/** A cgroup parent that is given is the kubelet's: it sets its limits and removes it, and may do so before a sandbox and after. */
export function ownsCgroup({ linux }: cri.PodSandboxConfig): boolean {
  return (linux?.cgroupParent ?? '') === '';
}

function checkConfig(config: cri.PodSandboxConfig, runtimeHandler: string): void {
  const { metadata, linux } = config;
  if (!metadata?.name || !metadata.uid) throw grpcError('INVALID_ARGUMENT', 'sandbox config without metadata');
  if (runtimeHandler !== '') {
    throw grpcError('INVALID_ARGUMENT', `no runtime for "${runtimeHandler}" is configured`);
  }
  if (linux?.securityContext?.namespaceOptions?.usernsOptions?.mode === 'POD') {
    throw grpcError('INVALID_ARGUMENT', 'user namespaces are not supported');
  }
  if (config.logDirectory !== '' && !config.logDirectory.startsWith('/')) {
    throw grpcError('INVALID_ARGUMENT', `log directory "${config.logDirectory}" is not absolute`);
  }
}

function sandboxName({ metadata }: cri.PodSandboxConfig): string {
  return [metadata?.name, metadata?.namespace, metadata?.uid, metadata?.attempt].join('_');
}

/** The node's ports that lead to this sandbox. */
export function publishedPorts({ id, config, ips }: SandboxRecord): PublishedPort[] {
  const [podIp] = ips;
  if (podIp === undefined) return [];
  return config.portMappings
    .filter(({ hostPort }) => hostPort > 0)
    .map(({ protocol, hostIp, hostPort, containerPort }) => ({
      sandboxId: id,
      protocol: protocol.toLowerCase() as PublishedPort['protocol'],
      hostIp,
      hostPort,
      podIp,
      podPort: containerPort,
    }));
}

/** Ends what a sandbox holds outside its directory. Idempotent; without a record the cgroup is left to cleanup. */
async function releaseSandbox(context: RuntimeContext, id: string, record: SandboxRecord | undefined): Promise<void> {
  const { layout, network, cgroups } = context;
  signalProcess(record?.pause, 'SIGKILL');
  const paused = record ? await cgroupProcesses(cgroups, `${record.cgroupParent}/pause`) : [];
  for (const pid of paused) killQuietly(pid);
  const networked = !record || (record.state !== 'stopped' && sandboxNamespaces(record.config).includes('net'));
  if (networked) await network.remove(id, layout.namespace(id, 'net'));
  await unpinNamespaces(layout, id);
  await unmountAll(layout.shm(id));
}

/** Removes a sandbox, however far it came. The record goes last: until then the next start undoes again. */
export async function undoSandbox(
  context: RuntimeContext,
  id: string,
  record: SandboxRecord | undefined,
): Promise<void> {
  // What makes namespaces and interfaces outlives whoever asked for them, and would go on after they were removed.
  if (!record || record.state === 'creating')
    await killUntilGone(context.clock, makerPatienceMs, () => processesNaming(id));
  await releaseSandbox(context, id, record);
  const gone = record && (await removeCgroup(context.cgroups, `${record.cgroupParent}/pause`));
  if (gone && ownsCgroup(record.config)) await removeCgroup(context.cgroups, record.cgroupParent);
  await rm(context.layout.sandbox(id), { recursive: true, force: true });
}

export function killQuietly(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if (!messageOf(error).includes('ESRCH')) throw error;
  }
}
