import type { Duplex } from 'node:stream';
import { messageOf } from '@berth/kit';
import { apiError, isReason } from '@berth/kube';
import { CpuRate } from '../cpu-rate.ts';
import type { ContainerRef, LogOptions, NodeApi, NodePage, TerminalStreams } from '../node-api.ts';
import { logTarget } from './logs/log-target.ts';
import { readLog } from './logs/read-log.ts';
import type { NodeContext } from './node-context.ts';
import { findContainer } from './pods/pod-facts.ts';
import type { PodWorker } from './pods/pod-worker.ts';
import type { PodWorkers } from './pods/pod-workers.ts';
import { latestContainer, readRuntimePod } from './pods/runtime-pod.ts';

/** kubectl logs, exec, attach, cp and port-forward, on the pods of this node, and what the node tells of itself. */
export class KubeletApi implements NodeApi {
  readonly #node: NodeContext;
  readonly #workers: PodWorkers;
  readonly #onRuntimeChange: (wake: () => void) => Disposable;
  readonly #rates: CpuRate;

  constructor(node: NodeContext, workers: PodWorkers, onRuntimeChange: (wake: () => void) => Disposable) {
    this.#node = node;
    this.#workers = workers;
    this.#onRuntimeChange = onRuntimeChange;
    this.#rates = new CpuRate(node.options.clock);
  }

  async logs(target: ContainerRef, options: LogOptions, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>> {
    const { state } = this.#pod(target);
    const status = this.#node.statuses.get(state.uid) ?? state.pod.status ?? {};
    const containerId = logTarget(state.pod, status, target.container, options.previous ?? false);
    const { runtime } = this.#node.options.runtime;
    const path = await this.#logPath(containerId, signal);
    const isRunning = async () => {
      const answer = await runtime.ContainerStatus({ containerId }, { signal }).catch(() => undefined);
      return answer?.status?.state === 'CONTAINER_RUNNING';
    };
    const { clock } = this.#node.options;
    return readLog({ path, options, clock, isRunning, onRuntimeChange: this.#onRuntimeChange }, signal);
  }

  async exec(
    target: ContainerRef,
    command: readonly string[],
    streams: TerminalStreams,
    signal: AbortSignal,
  ): Promise<number> {
    const containerId = await this.#running(target, signal);
    return asApiErrors(() => this.#node.options.runtime.streams.exec(containerId, command, streams, signal));
  }

  async attach(target: ContainerRef, streams: TerminalStreams, signal: AbortSignal): Promise<void> {
    const containerId = await this.#running(target, signal);
    return asApiErrors(() => this.#node.options.runtime.streams.attach(containerId, streams, signal));
  }

  async portForward(target: Omit<ContainerRef, 'container'>, port: number, signal: AbortSignal): Promise<Duplex> {
    const { state } = this.#pod(target);
    const seen = await readRuntimePod(this.#node.options.runtime, state.uid, signal);
    const sandbox = seen.sandboxes.find(({ ready }) => ready);
    if (!sandbox) throw apiError('NotFound', `pod not found ("${target.pod}_${target.namespace}")`);
    return asApiErrors(() => this.#node.options.runtime.streams.portForward(sandbox.id, port, signal));
  }

  /** What answers is loaded with the first such request. */
  async page(method: string, url: string, signal: AbortSignal): Promise<NodePage> {
    const { kubeletPage } = await import('./server/pages/kubelet-page.ts');
    const logs: NodeApi['logs'] = (...args) => this.logs(...args);
    const parts = { node: this.#node, workers: this.#workers, logs, rates: this.#rates };
    return kubeletPage(parts, { method, url }, signal);
  }

  #pod({ namespace, pod }: Omit<ContainerRef, 'container'>): PodWorker {
    const worker = this.#workers.findByName(namespace, pod);
    if (!worker) throw apiError('NotFound', `pod "${pod}" cannot be found on node ${this.#node.options.nodeName}`);
    return worker;
  }

  async #running(target: ContainerRef, signal: AbortSignal): Promise<string> {
    const { state } = this.#pod(target);
    if (!findContainer(state.pod, target.container)) {
      throw apiError('BadRequest', `container ${target.container} is not valid for pod ${target.pod}`);
    }
    const seen = await readRuntimePod(this.#node.options.runtime, state.uid, signal);
    const container = latestContainer(seen, target.container);
    if (container?.state !== 'CONTAINER_RUNNING') {
      throw apiError('NotFound', `container not found ("${target.container}")`);
    }
    return container.id;
  }

  async #logPath(containerId: string, signal: AbortSignal): Promise<string> {
    try {
      const { status } = await this.#node.options.runtime.runtime.ContainerStatus({ containerId }, { signal });
      if (status && status.logPath !== '') return status.logPath;
      throw new Error('container has not logged to a file');
    } catch (error) {
      signal.throwIfAborted();
      throw apiError('InternalError', `no log of container ${containerId}: ${messageOf(error)}`);
    }
  }
}

/** What a runtime refused, in the API's form. */
async function asApiErrors<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    if (isReason(error, 'BadRequest', 'NotFound', 'InternalError')) throw error;
    const code = (error as { code?: unknown }).code;
    throw apiError(code === 'NOT_FOUND' ? 'NotFound' : 'InternalError', messageOf(error));
  }
}
