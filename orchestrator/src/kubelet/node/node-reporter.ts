import { messageOf } from '@berth/kit';
import {
  type Informer,
  isConflict,
  isNotFound,
  type KubeObject,
  type Node,
  type ResourceType,
  resources,
} from '@berth/kube';
import type { VolumeManager } from '@berth/volume-manager';
import type { KubeletOptions } from '../kubelet-options.ts';
import type { MachineFacts } from './machine-facts.ts';
import { nodeReference, reportConditionChanges } from './node-events.ts';
import { nodeStatus, sameNodeStatus } from './node-status.ts';

/** kubelet's nodeStatusUpdateFrequency and nodeStatusReportFrequency. */
const lookMs = 10_000;
const reportMs = 300_000;
const retryMs = 1000;
/** The volume manager follows the same changes; its answer is asked for a moment later, once for many. */
const settleMs = 20;

/** Keeps the node object true: registered, its status written when it changes and every five minutes. */
export class NodeReporter {
  readonly #options: KubeletOptions;
  readonly #machine: MachineFacts;
  readonly #ready = Promise.withResolvers<void>();
  readonly #registered = Promise.withResolvers<void>();
  readonly #informer: Informer<Node>;
  #written: Node | undefined;
  #lastReportMs = Number.NEGATIVE_INFINITY;
  #wake: (() => void) | undefined;

  constructor(options: KubeletOptions, machine: MachineFacts) {
    this.#options = options;
    this.#machine = machine;
    this.#ready.promise.catch(() => undefined);
    this.#registered.promise.catch(() => undefined);
    this.#informer = options.informers.of<Node>(resources.nodes);
  }

  /** Resolves when the node object exists and its volumes-in-use are known to the API. */
  get registered(): Promise<void> {
    return this.#registered.promise;
  }

  /** As the API has it; before it was read, without anything. */
  get node(): Node {
    return this.#known() ?? { metadata: { name: this.#options.nodeName } };
  }

  /** Resolves when the node was first written as ready. */
  get ready(): Promise<void> {
    return this.#ready.promise;
  }

  /** The volumes in use changed, say: look now rather than in some seconds. */
  poke(): void {
    this.#wake?.();
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, events, log, nodeName, volumes } = this.#options;
    events.event(nodeReference(nodeName), 'Normal', 'Starting', 'Starting kubelet.');
    using _ = this.#informer.onChange((key, { after }) => {
      if (key === nodeName && after) tellVolumes(volumes, after);
    });
    using __ = this.#watchVolumes();
    while (!signal.aborted) {
      let next = lookMs;
      try {
        await this.report(signal);
      } catch (error) {
        if (signal.aborted) break;
        log.warn('node status not written, will try again', { node: this.#options.nodeName, error });
        next = retryMs;
      }
      await new Promise<void>((resolve) => {
        const timer = clock.schedule(next, resolve);
        const wake = () => {
          timer[Symbol.dispose]();
          resolve();
        };
        this.#wake = wake;
        signal.addEventListener('abort', wake, { once: true });
        if (signal.aborted) wake();
        this.#forgetAbort = () => signal.removeEventListener('abort', wake);
      });
      this.#forgetAbort();
    }
    this.#ready.reject(signal.reason);
    this.#registered.reject(signal.reason);
  }

  #forgetAbort: () => void = () => undefined;

  /** One look; writes only what changed. */
  async report(signal: AbortSignal): Promise<void> {
    const { client, clock, nodeName, volumes } = this.#options;
    const known = this.#known() ?? (await client.find<Node>(resources.nodes, { name: nodeName }, signal));
    const node = known ?? (await this.#register(signal));
    const status = nodeStatus({
      nodeName,
      machine: this.#machine,
      addresses: this.#options.addresses,
      maxPods: this.#options.maxPods ?? 110,
      ...(this.#options.kubeletPort === undefined ? {} : { kubeletPort: this.#options.kubeletPort }),
      version: this.#options.version,
      ...(await this.#runtime(signal)),
      volumesInUse: volumes.volumesInUse(),
      old: node.status ?? {},
      nowMs: clock.now(),
    });
    const due = clock.monotonicMs() - this.#lastReportMs >= reportMs;
    let written = node;
    if (due || !sameNodeStatus(node.status ?? {}, status)) {
      written = await this.#write(node, status, signal);
      this.#written = written;
      reportConditionChanges(this.#options.events, nodeName, { before: node.status ?? {}, after: status });
      this.#lastReportMs = clock.monotonicMs();
    }
    this.#registered.resolve();
    tellVolumes(volumes, written);
    const isReady = written.status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True');
    if (isReady) this.#ready.resolve();
  }

  /** Volumes come into use when a claim, a volume or a driver says so: no attachable one is mounted before that is written. */
  #watchVolumes(): Disposable {
    const { clock, informers, volumes } = this.#options;
    const stack = new DisposableStack();
    let timer: Disposable | undefined;
    const look = () => {
      timer = undefined;
      const written = this.#known()?.status?.volumesInUse ?? [];
      if ([...volumes.volumesInUse()].sort().join('\n') !== written.join('\n')) this.poke();
    };
    const later = () => {
      timer ??= clock.schedule(settleMs, look);
    };
    for (const type of [resources.persistentvolumeclaims, resources.persistentvolumes, resources.csidrivers]) {
      stack.use(informers.of<KubeObject>(type as ResourceType).onChange(later));
    }
    stack.defer(() => timer?.[Symbol.dispose]());
    return stack;
  }

  /** The newer of what was written here and what the watch brought. */
  #known(): Node | undefined {
    const watched = this.#informer.get(this.#options.nodeName);
    if (!this.#written || !watched) return watched;
    return revision(watched) >= revision(this.#written) ? watched : this.#written;
  }

  async #write(node: Node, status: Node['status'], signal: AbortSignal): Promise<Node> {
    try {
      return await this.#options.client.updateStatus(resources.nodes, { ...node, status: status ?? {} }, signal);
    } catch (error) {
      if (!isConflict(error) && !isNotFound(error)) throw error;
      this.#written = undefined;
      // Somebody else wrote meanwhile: the next look starts from what they wrote.
      throw new Error(`node "${node.metadata.name}" changed meanwhile: ${messageOf(error)}`, { cause: error });
    }
  }

  async #register(signal: AbortSignal): Promise<Node> {
    const { client, nodeName, nodeLabels = {} } = this.#options;
    const { architecture } = this.#machine;
    const labels = {
      'beta.kubernetes.io/arch': architecture,
      'beta.kubernetes.io/os': 'linux',
      'kubernetes.io/arch': architecture,
      'kubernetes.io/hostname': nodeName,
      'kubernetes.io/os': 'linux',
      ...nodeLabels,
    };
    return client.create<Node>(resources.nodes, { metadata: { name: nodeName, labels }, spec: {} }, {}, signal);
  }

  async #runtime(signal: AbortSignal): Promise<{ runtimeVersion: string; runtimeProblems: readonly string[] }> {
    const { runtime } = this.#options.runtime;
    try {
      const [version, { status }] = await Promise.all([
        runtime.Version({}, { signal }),
        runtime.Status({}, { signal }),
      ]);
      const problems = (status?.conditions ?? [])
        .filter((condition) => !condition.status)
        .map(({ type, reason, message }) =>
          type === 'NetworkReady'
            ? `container runtime network not ready: NetworkReady=false reason:${reason} message:${message}`
            : `container runtime not ready: ${type}=false reason:${reason} message:${message}`,
        );
      return { runtimeVersion: `${version.runtimeName}://${version.runtimeVersion}`, runtimeProblems: problems };
    } catch (error) {
      signal.throwIfAborted();
      return { runtimeVersion: '', runtimeProblems: [`container runtime is down: ${messageOf(error)}`] };
    }
  }
}

/** What is attached, and which volumes in use the API knows of: only those may be mounted where a driver attaches. */
function tellVolumes(volumes: VolumeManager, { status }: Node): void {
  volumes.nodeStatusChanged(status?.volumesAttached ?? [], status?.volumesInUse ?? []);
}

function revision({ metadata }: Node): bigint {
  return /^\d+$/.test(metadata.resourceVersion ?? '') ? BigInt(metadata.resourceVersion as string) : 0n;
}
