import { Worker } from 'node:worker_threads';
import { systemClock } from './clock.ts';

/** How often a thread is asked what it has used. */
const lookMs = 250;

export interface ThreadWork {
  readonly name: string;
  /** What the thread finds in `workerData`. */
  readonly data: unknown;
  /** Of processor time: what others keep a machine busy with says nothing of the work. */
  readonly mostCpuMs: number;
  readonly mostMegabytes: number;
  /** For what calls itself deep; Node's own is four. */
  readonly stackMegabytes?: number;
  readonly signal?: AbortSignal;
}

/** The thread had all the processor time that it may have. */
export class ThreadTooLong extends Error {
  constructor() {
    super('working on it takes too long');
  }
}

/**
 * The first message of a thread of its own, which ends with it.
 * @throws ThreadTooLong; the signal's reason; what the thread threw; Error – it ended without a word
 */
export async function runInThread<T>(file: URL, work: ThreadWork): Promise<T> {
  work.signal?.throwIfAborted();
  const stack = work.stackMegabytes === undefined ? {} : { stackSizeMb: work.stackMegabytes };
  const resourceLimits = { maxOldGenerationSizeMb: work.mostMegabytes, ...stack };
  const worker = new Worker(file, { name: work.name, workerData: work.data, resourceLimits });
  const done = new AbortController();
  try {
    return await new Promise<T>((resolve, reject) => {
      worker.once('message', resolve);
      worker.once('error', reject);
      worker.once('exit', () => reject(new Error('the thread ended')));
      const stop = () => reject(work.signal?.reason);
      work.signal?.addEventListener('abort', stop, { once: true, signal: done.signal });
      usesUp(worker, work.mostCpuMs, done.signal).then(() => reject(new ThreadTooLong()), reject);
    });
  } finally {
    done.abort();
    void worker.terminate();
  }
}

/** Resolves once the thread has used that much. */
async function usesUp(worker: Worker, cpuMs: number, end: AbortSignal): Promise<void> {
  for (let usedMs = 0; usedMs < cpuMs; ) {
    await systemClock.sleep(lookMs, end);
    // One that does not run yet, or no longer, cannot be asked.
    const used = await worker.cpuUsage().catch(() => undefined);
    if (used) usedMs = (used.user + used.system) / 1000;
  }
}
