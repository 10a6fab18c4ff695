import { Worker } from 'node:worker_threads';
import type { Clock, Logger } from '@berth/kit';
import { apiError } from '@berth/kube';
import type { Store } from '../../store/store.ts';
import type { HookCall } from '../metrics/admission-metrics.ts';
import type { PodSecurityEvent } from '../metrics/pod-security-metrics.ts';
import { isLate } from '../request-end.ts';
import type { AsideOptions, FromThread, SentAnswer, SentRequest, ToThread } from './aside-protocol.ts';
import { StoreService } from './store-service.ts';

/** Sources run as they are; a build puts the worker beside the bundle under its compiled name. */
const workerFile = new URL(
  import.meta.url.endsWith('.ts') ? './aside-worker.ts' : './aside-worker.js',
  import.meta.url,
);

/** Three megabytes of the smallest values, tracked, checked and written, take a third of it. */
const mostMegabytes = 1536;
/** Ten thousand levels, as deep as JSON may nest, walked by several calls each. What is not used takes no memory. */
const stackMegabytes = 256;
/** A thread that hears nothing for so long, while nobody waits for what it does, is ended. */
const deafMs = 10_000;

export interface AsideThreadParts {
  readonly store: Store;
  readonly reserve: (value: string) => Promise<boolean>;
  readonly written: (key: string, value: Uint8Array) => void;
  /** Hears of each call to an admission webhook. */
  readonly called: (call: HookCall) => void;
  readonly podSecurity: (event: PodSecurityEvent) => void;
  readonly options: AsideOptions;
  readonly clock: Clock;
  readonly log: Logger;
}

interface Pending {
  readonly resolve: (answer: SentAnswer) => void;
  readonly reject: (error: unknown) => void;
}

/** One life of the thread that answers what takes long. */
export class AsideThread implements AsyncDisposable {
  readonly #parts: AsideThreadParts;
  readonly #worker: Worker;
  readonly #service: StoreService;
  readonly #pending = new Map<number, Pending>();
  #next = 0;
  #deaf: Disposable | undefined;
  #ended = false;

  constructor(parts: AsideThreadParts) {
    this.#parts = parts;
    const resourceLimits = { maxOldGenerationSizeMb: mostMegabytes, stackSizeMb: stackMegabytes };
    this.#worker = new Worker(workerFile, { name: 'aside', workerData: parts.options, resourceLimits });
    this.#service = new StoreService({ ...parts, post: (message, transfer) => this.#post(message, transfer) });
    this.#worker.on('message', (message: FromThread) => this.#told(message));
    this.#worker.on('error', (error: Error) => this.#die(error));
    this.#worker.on('exit', () => this.#die(new Error('the thread ended')));
  }

  get isEnded(): boolean {
    return this.#ended;
  }

  /** @throws ApiError InternalError – the thread ended before it could answer. */
  ask(request: SentRequest, signal: AbortSignal): Promise<SentAnswer> {
    const id = this.#next++;
    return new Promise<SentAnswer>((resolve, reject) => {
      const abort = () => {
        this.#post({ type: 'abort', id, late: isLate(signal) });
        this.#listen();
      };
      const done =
        <T>(settle: (value: T) => void) =>
        (value: T) => {
          signal.removeEventListener('abort', abort);
          settle(value);
        };
      this.#pending.set(id, { resolve: done(resolve), reject: done(reject) });
      this.#post({ type: 'request', id, request });
      if (signal.aborted) abort();
      else signal.addEventListener('abort', abort, { once: true });
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#die(new Error('the server is shutting down'));
    await this.#worker.terminate();
  }

  #post(message: ToThread, transfer: readonly ArrayBuffer[] = []): void {
    if (!this.#ended) this.#worker.postMessage(message, transfer);
  }

  /** Nobody waits for an answer any more: does the thread at least hear it? */
  #listen(): void {
    if (this.#deaf || this.#ended) return;
    this.#post({ type: 'ping' });
    this.#deaf = this.#parts.clock.schedule(deafMs, () => {
      this.#parts.log.warn('the thread for large requests does not answer: it is begun anew');
      this.#die(new Error('it took too long'));
      void this.#worker.terminate();
    });
  }

  #told(message: FromThread): void {
    switch (message.type) {
      case 'answer':
        this.#pending.get(message.id)?.resolve(message.answer);
        this.#pending.delete(message.id);
        break;
      case 'call':
        void this.#service.call(message.id, message.call);
        break;
      case 'watch':
        void this.#service.watch(message);
        break;
      case 'unwatch':
        this.#service.unwatch(message.id);
        break;
      case 'log':
        this.#parts.log[message.level](message.message, JSON.parse(message.fields));
        break;
      case 'called':
        this.#parts.called(message.call);
        break;
      case 'podSecurity':
        this.#parts.podSecurity(message.event);
        break;
      case 'pong':
        this.#deaf?.[Symbol.dispose]();
        this.#deaf = undefined;
    }
  }

  #die(cause: Error): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#deaf?.[Symbol.dispose]();
    this.#service[Symbol.dispose]();
    const error = apiError('InternalError', `Internal error occurred: ${cause.message}`);
    for (const { reject } of this.#pending.values()) reject(error);
    this.#pending.clear();
  }
}
