/** One key as of one revision; the words are etcd's (etcd API, `mvccpb.KeyValue`). */
export interface KeyValue {
  readonly key: string;
  readonly value: Uint8Array;
  readonly createRevision: number;
  readonly modRevision: number;
  /** What a reader made of it, of no concern to stores. A copy of an item has the notes of the other until it has its own. */
  notes?: unknown;
}

export interface RangeRequest {
  /** Keys that start with it, in byte order. */
  readonly prefix: string;
  /** Only keys after this one: where a page ended. */
  readonly after?: string;
  readonly limit?: number;
  /** The state at this revision; the newest when absent. */
  readonly revision?: number;
  /** Without `revision`: any state of this revision or later will do; 0: whatever is known here. */
  readonly notOlderThan?: number;
}

export interface RangeResult {
  /** The revision the answer is of. */
  readonly revision: number;
  readonly items: readonly KeyValue[];
  /** Keys of the prefix that `limit` left out. */
  readonly remaining: number;
}

/** One compare-and-write: done when `key` has `expected` (0: does not exist; absent: any) as its modRevision. */
export interface WriteRequest {
  readonly key: string;
  /** Absent: delete. */
  readonly value?: Uint8Array;
  readonly expected?: number;
  /** The key disappears by itself after this time (Events); like a lease of its own. */
  readonly ttlSeconds?: number;
}

export type WriteResult =
  | { readonly ok: true; readonly revision: number }
  /** Nothing was written; `current` is what stands there now. */
  | { readonly ok: false; readonly current: KeyValue | undefined };

export interface StoreEvent {
  readonly type: 'put' | 'delete';
  /** For a delete: the last value, with the modRevision of the deletion. */
  readonly item: KeyValue;
  readonly previous: KeyValue | undefined;
}

/** What a watch tells, in batches. */
export interface StoreEvents extends AsyncIterable<readonly StoreEvent[]> {
  /** Whether a batch has left the store that nobody was given yet: it takes turns of the event loop to be made. */
  readonly isMaking?: boolean;
}

/**
 * A key space with one revision counter: what etcd is to Kubernetes. Every acknowledged write is on disk.
 * All methods throw StoreError: `Compacted` (revision too old), `Future` (revision not yet reached),
 * `Full` (no space: nothing was written), `TooLarge`, `Corrupt`, `Locked` (another process has it),
 * `Unusable` (it can't be opened, or the disk fails), `Closed`; a store elsewhere also `Unavailable` (nothing was done)
 * and `Uncertain` (it may have been done, or may still be).
 */
export interface Store extends AsyncDisposable {
  /** The newest committed revision; of a shared store, the newest that is known here. */
  readonly revision: number;
  /** Other processes write it too: to be new, a read has to ask for it, and all agree among themselves who compacts. */
  readonly shared?: true;
  /** What stands there now; with `notOlderThan`, what stood there at that revision or later (0: whatever is known here). */
  get(key: string, notOlderThan?: number): Promise<KeyValue | undefined>;
  range(request: RangeRequest): Promise<RangeResult>;
  write(request: WriteRequest): Promise<WriteResult>;
  /** Every change of `prefix` after revision `after`, in order, without gaps; batches are whole revisions. */
  watch(prefix: string, after: number, signal: AbortSignal): StoreEvents;
  /** Forgets history before `revision`: bounded work per step, never in a writer's way. */
  compact(revision: number): Promise<void>;
  /** False: nothing that begins with `prefix` is known here. Costs nothing; absent where only {@link range} tells. */
  mayHave?(prefix: string): boolean;
  /** Whether an item lies there in another way than it would be written now: a write that changes nothing else mends it. */
  isStale?(item: KeyValue): boolean;
  /** Where a key lies, if not under its own name: what is sealed is sealed with that. */
  placeOf?(key: string): string;
  /** What it takes where it lies. Absent where that is nowhere. */
  sizeBytes?(): Promise<number>;
  /** Whether writes can be taken, where that may change while reads go on. @throws StoreError as a write would. */
  check?(): Promise<void>;
  /** All that is committed in one moment (`backup-file.ts` writes it), while reads and writes go on. Absent where there is no file. */
  backup?(): AsyncIterable<Uint8Array>;
}
