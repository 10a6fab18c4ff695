import { Worker } from 'node:worker_threads';
import { storeErrorOf } from './sqlite-error.ts';
import type { WorkerAnswers, WorkerReply, WorkerRequest } from './sqlite-protocol.ts';
import { StoreError } from './store-error.ts';

/** Sources run as they are; a build puts the worker beside the bundle under its compiled name. */
const workerFile = new URL(
  import.meta.url.endsWith('.ts') ? './store-worker.ts' : './store-worker.js',
  import.meta.url,
);

interface Pending {
  readonly resolve: (result: never) => void;
  readonly reject: (error: unknown) => void;
}

/** The main thread's end of the store's thread. */
export class SqliteThread implements AsyncDisposable {
  readonly #file: string;
  readonly #worker: Worker;
  /** Answers come in the order of the requests. */
  readonly #pending: Pending[] = [];
  #dead: StoreError | undefined;

  constructor(file: string) {
    this.#file = file;
    this.#worker = new Worker(workerFile, { name: 'store' });
    this.#worker.on('message', (reply: WorkerReply) => this.#settle(reply));
    this.#worker.on('error', (cause) => this.#die(new StoreError('Closed', 'the store thread failed', { cause })));
    this.#worker.on('exit', () => this.#die(new StoreError('Closed', 'the store is closed')));
  }

  ask<R extends WorkerRequest>(request: R): Promise<WorkerAnswers[R['op']]> {
    if (this.#dead) return Promise.reject(this.#dead);
    return new Promise((resolve, reject) => {
      this.#pending.push({ resolve, reject });
      this.#worker.postMessage(request);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#dead) await this.ask({ op: 'close' }).catch(() => undefined);
    await this.#worker.terminate();
  }

  #settle(reply: WorkerReply): void {
    const pending = this.#pending.shift();
    if ('failure' in reply) pending?.reject(storeErrorOf(reply.failure, this.#file));
    else pending?.resolve(reply.result as never);
  }

  #die(error: StoreError): void {
    this.#dead ??= error;
    for (const { reject } of this.#pending.splice(0)) reject(this.#dead);
  }
}
