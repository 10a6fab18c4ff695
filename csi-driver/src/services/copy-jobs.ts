import { abortable, BusyError } from '@berth/kit';

interface Job {
  readonly done: Promise<unknown>;
  readonly stop: AbortController;
}

/**
 * Work that may take longer than a caller waits: filling a volume or a snapshot. A caller that leaves does not end it,
 * so that its repetition finds it further on, or done. Also says which sources are being read meanwhile.
 */
export class CopyJobs implements AsyncDisposable {
  readonly #jobs = new Map<string, Job>();
  readonly #read = new Map<string, number>();
  readonly #excluded = new Set<string>();

  /** Joins the job of this key, or starts it. Rejects with the signal's reason when the caller leaves. */
  async run<T>(key: string, work: (signal: AbortSignal) => Promise<T>, signal: AbortSignal): Promise<T> {
    const running = this.#jobs.get(key) ?? this.#start(key, work);
    return (await abortable(running.done, signal)) as T;
  }

  /** Ends the job of this key, if there is one, and waits until it has undone what it did. */
  async cancel(key: string): Promise<void> {
    const job = this.#jobs.get(key);
    job?.stop.abort(new Error(`"${key}" is being deleted`));
    await job?.done.catch(() => undefined);
  }

  /** Marks a source as being read. @throws BusyError – it is being deleted. */
  read(id: string): Disposable {
    if (this.#excluded.has(id)) throw new BusyError(id);
    this.#read.set(id, (this.#read.get(id) ?? 0) + 1);
    let released = false;
    return {
      [Symbol.dispose]: () => {
        if (released) return;
        released = true;
        const left = (this.#read.get(id) ?? 1) - 1;
        if (left > 0) this.#read.set(id, left);
        else this.#read.delete(id);
      },
    };
  }

  /** Keeps readers away while a source is deleted. @throws BusyError – it is being read. */
  exclude(id: string): Disposable {
    if (this.#read.has(id) || this.#excluded.has(id)) throw new BusyError(id);
    this.#excluded.add(id);
    return { [Symbol.dispose]: () => void this.#excluded.delete(id) };
  }

  /** Ends all of them. What they were at is undone at the next start. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#jobs.keys()].map((key) => this.cancel(key)));
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
