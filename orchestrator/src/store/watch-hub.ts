import type { StoreEvent } from './store.ts';
import { StoreError } from './store-error.ts';

/** Events one watcher may be behind; a watcher of every change of a busy server reads far faster than this fills. */
const maxBuffered = 10_000;
/** Bytes of values a watcher may keep from being forgotten before more comes: some times what the window of events has. */
const maxBufferedBytes = 32 * 1024 * 1024;

/** The part of a key that names its resource: `/registry/pods/`. Watchers are found by it, so that a write meets only its own. */
export function bucketOf(path: string): string | undefined {
  const second = path.indexOf('/', 1);
  const third = second < 0 ? -1 : path.indexOf('/', second + 1);
  return third < 0 ? undefined : path.slice(0, third + 1);
}

export interface Subscription {
  readonly prefix: string;
  /** Nothing up to this revision is told; it may be one that is still to come. */
  readonly after: number;
  /** What there was since, to begin with. */
  readonly replay: readonly StoreEvent[];
}

/** Fans batches of events out to watchers, each with its own bounded buffer. */
export class WatchHub {
  readonly #byBucket = new Map<string, Set<Watcher>>();
  /** Watchers of prefixes too short to have a bucket. */
  readonly #wide = new Set<Watcher>();

  get size(): number {
    let size = this.#wide.size;
    for (const set of this.#byBucket.values()) size += set.size;
    return size;
  }

  /** The caller takes `replay` and the subscription in one synchronous step, so there is no gap. */
  subscribe(subscription: Subscription, signal: AbortSignal): AsyncIterable<readonly StoreEvent[]> {
    const bucket = bucketOf(subscription.prefix);
    const set = bucket === undefined ? this.#wide : this.#bucket(bucket);
    const watcher = new Watcher(subscription, () => {
      set.delete(watcher);
      if (bucket !== undefined && set.size === 0) this.#byBucket.delete(bucket);
      signal.removeEventListener('abort', onAbort);
    });
    const onAbort = () => watcher.end();
    set.add(watcher);
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
    return watcher;
  }

  publish(events: readonly StoreEvent[]): void {
    const groups = new Map<string, StoreEvent[]>();
    for (const event of events) {
      const bucket = bucketOf(event.item.key) ?? '';
      const group = groups.get(bucket);
      if (group) group.push(event);
      else groups.set(bucket, [event]);
    }
    for (const [bucket, group] of groups) for (const watcher of this.#byBucket.get(bucket) ?? []) watcher.offer(group);
    for (const watcher of this.#wide) watcher.offer(events);
  }

  end(error: StoreError): void {
    for (const set of [this.#wide, ...this.#byBucket.values()]) for (const watcher of [...set]) watcher.end(error);
  }

  #bucket(bucket: string): Set<Watcher> {
    const set = this.#byBucket.get(bucket) ?? new Set();
    this.#byBucket.set(bucket, set);
    return set;
  }
}

class Watcher implements AsyncIterable<readonly StoreEvent[]>, AsyncIterator<readonly StoreEvent[]> {
  readonly #prefix: string;
  readonly #after: number;
  readonly #leave: () => void;
  #buffer: StoreEvent[];
  #bytes = 0;
  #wake: (() => void) | undefined;
  #ended = false;
  #error: StoreError | undefined;

  constructor({ prefix, after, replay }: Subscription, leave: () => void) {
    this.#prefix = prefix;
    this.#after = after;
    this.#buffer = [...replay];
    this.#leave = leave;
  }

  offer(events: readonly StoreEvent[]): void {
    // One batch may be larger, of which nobody has had a chance to take anything.
    let isFull = false;
    const before = this.#bytes;
    for (const event of events) {
      if (event.item.modRevision <= this.#after || !event.item.key.startsWith(this.#prefix)) continue;
      this.#buffer.push(event);
      this.#bytes += event.item.value.byteLength;
      isFull = before > maxBufferedBytes;
    }
    if (this.#buffer.length > maxBuffered || isFull) {
      this.#buffer = [];
      this.end(new StoreError('Compacted', `a watcher of "${this.#prefix}" fell too far behind; list again`));
    } else if (this.#buffer.length > 0) this.#signal();
  }

  end(error?: StoreError): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#error = error;
    this.#leave();
    this.#signal();
  }

  [Symbol.asyncIterator](): AsyncIterator<readonly StoreEvent[]> {
    return this;
  }

  async next(): Promise<IteratorResult<readonly StoreEvent[]>> {
    while (this.#buffer.length === 0 && !this.#ended) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    if (this.#buffer.length > 0) {
      const value = this.#buffer;
      this.#buffer = [];
      this.#bytes = 0;
      return { done: false, value };
    }
    if (this.#error) throw this.#error;
    return { done: true, value: undefined };
  }

  async return(): Promise<IteratorResult<readonly StoreEvent[]>> {
    this.#buffer = [];
    this.end();
    return { done: true, value: undefined };
  }

  #signal(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }
}
