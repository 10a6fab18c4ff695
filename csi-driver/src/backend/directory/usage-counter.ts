import { abortable, type Clock, deadline } from '@berth/kit';
import { type TreeUsage, treeUsage } from '@berth/linux';
import { grpcError } from '@berth/protos';

/** A caller waits this long for a count before it gets the last one. COs ask every minute or so. */
const patienceMs = 2000;
/** A count younger than this is not repeated: counting costs a walk of every file. */
const freshMs = 10_000;

interface Count {
  readonly usage: TreeUsage;
  readonly at: number;
}

/** Counts what volumes use, one walk a volume at a time, and never keeps a caller waiting for a huge one. */
export class UsageCounter implements Disposable {
  readonly #clock: Clock;
  readonly #counts = new Map<string, Count>();
  readonly #running = new Map<string, Promise<TreeUsage>>();
  readonly #stop = new AbortController();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @throws GrpcError UNAVAILABLE – the first count of this volume is still going on. */
  async usage(id: string, path: string, signal: AbortSignal): Promise<TreeUsage> {
    const last = this.#counts.get(id);
    if (last && this.#clock.monotonicMs() - last.at < freshMs) return last.usage;
    using patience = deadline(this.#clock, patienceMs, signal);
    try {
      return await abortable(this.#count(id, path), patience.signal);
    } catch (error) {
      if (!patience.signal.aborted) throw error;
      if (last) return last.usage;
      throw grpcError('UNAVAILABLE', `volume "${id}": its files are still being counted; ask again in a while`);
    }
  }

  forget(id: string): void {
    this.#counts.delete(id);
  }

  [Symbol.dispose](): void {
    this.#stop.abort();
  }

  #count(id: string, path: string): Promise<TreeUsage> {
    const running = this.#running.get(id) ?? this.#start(id, path);
    return running;
  }

  #start(id: string, path: string): Promise<TreeUsage> {
    const walk = treeUsage(path, this.#stop.signal)
      .then((usage) => {
        this.#counts.set(id, { usage, at: this.#clock.monotonicMs() });
        return usage;
      })
      .finally(() => this.#running.delete(id));
    // A caller may have left; the next one meets the failure again.
    walk.catch(() => undefined);
    this.#running.set(id, walk);
    return walk;
  }
}
