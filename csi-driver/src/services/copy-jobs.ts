import { abortable } from '@berth/kit';
import { grpcError } from '@berth/protos';
import { Readers } from '../pipeline/readers.ts';

interface Job {
  readonly done: Promise<unknown>;
  readonly stop: AbortController;
}

/**
 * Work that may take longer than a caller waits: filling a volume or a snapshot. A caller that leaves does not end it,
 * so that its repetition finds it further on, or done.
 */
export class CopyJobs implements AsyncDisposable {
  /** Sources that are being read; deleting excludes readers. */
  readonly sources = new Readers();
  readonly #jobs = new Map<string, Job>();

  /** Joins the job of this key, or starts it. Rejects with the signal's reason when the caller leaves. */
  async run<T>(key: string, work: (signal: AbortSignal) => Promise<T>, signal: AbortSignal): Promise<T> {
    const running = this.#jobs.get(key) ?? this.#start(key, work);
    return (await abortable(running.done, signal)) as T;
  }

  has(key: string): boolean {
    return this.#jobs.has(key);
  }

  /** Ends the job of this key, if there is one, and waits until it has undone what it did. */
  async cancel(key: string, reason = `"${key}" is being deleted`): Promise<void> {
    const job = this.#jobs.get(key);
    job?.stop.abort(grpcError('ABORTED', reason));
    await job?.done.catch(() => undefined);
  }

  /** The same for all whose key begins so. */
  async cancelAll(prefix: string): Promise<void> {
    const keys = [...this.#jobs.keys()].filter((key) => key.startsWith(prefix));
    await Promise.all(keys.map((key) => this.cancel(key)));
  }

  /** Ends all of them. What they were at is undone at the next start. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#jobs.keys()].map((key) => this.cancel(key, 'the driver is stopping')));
  }

  #start(key: string, work: (signal: AbortSignal) => Promise<unknown>): Job {
    const stop = new AbortController();
    const done = work(stop.signal).finally(() => this.#jobs.delete(key));
    // The caller may have left; whoever repeats the call meets the failure again.
    done.catch(() => undefined);
    const job = { done, stop };
    this.#jobs.set(key, job);
    return job;
  }
}
