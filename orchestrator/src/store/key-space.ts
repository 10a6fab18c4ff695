import { EventWindow, type WindowLimits } from './event-window.ts';
import { PackedValues } from './packed-values.ts';
import { SortedItems } from './sorted-items.ts';
import type { KeyValue, RangeRequest, RangeResult, StoreEvent } from './store.ts';
import { StoreError } from './store-error.ts';
import { bucketOf, WatchHub } from './watch-hub.ts';

/** One committed change; no value: the key is deleted. */
export interface Change {
  readonly revision: number;
  readonly key: string;
  readonly value: Uint8Array | undefined;
  /** Given where the key's history may be compacted. */
  readonly created?: number;
}

/** Behind every key of a prefix: no text has a character after this one. */
const pastAll = '\uffff';

/**
 * The committed state in memory: the newest value of every key, the window of recent events, and who watches them.
 * Both adapters stand on it; reads of the newest state never leave it.
 */
export class KeySpace {
  readonly #current = new Map<string, KeyValue>();
  readonly #sorted = new SortedItems<KeyValue>();
  /** How many keys each resource has. */
  readonly #counts = new Map<string, number>();
  readonly #values = new PackedValues(this.#current);
  readonly #window: EventWindow;
  readonly #hub = new WatchHub();
  #revision: number;
  #compacted: number;

  constructor(options: {
    readonly limits: WindowLimits;
    readonly revision?: number;
    readonly compacted?: number;
    /** Where the window begins, if that is not where history does. */
    readonly start?: number;
  }) {
    this.#window = new EventWindow(options.limits, options.start ?? options.compacted ?? 0);
    this.#revision = options.revision ?? 0;
    this.#compacted = options.compacted ?? 0;
  }

  get revision(): number {
    return this.#revision;
  }

  get compacted(): number {
    return this.#compacted;
  }

  /** Revisions before this one can't be rebuilt from memory. */
  get windowStart(): number {
    return this.#window.start;
  }

  /** How many keys there are. */
  get size(): number {
    return this.#current.size;
  }

  get watchers(): number {
    return this.#hub.size;
  }

  get(key: string): KeyValue | undefined {
    return this.#current.get(key);
  }

  /** False: no key begins with `prefix`, which is so for all of a resource. */
  mayHave(prefix: string): boolean {
    const bucket = bucketOf(prefix);
    return bucket === undefined || this.#counts.has(bucket);
  }

  /** Takes committed changes over, in order, and tells the watchers. */
  apply(changes: readonly Change[]): void {
    const events: StoreEvent[] = [];
    for (const change of changes) {
      const event = this.#applyOne(change);
      this.#revision = Math.max(this.#revision, change.revision);
      if (!event) continue;
      this.#window.push(event);
      events.push(event);
    }
    if (events.length > 0) this.#hub.publish(events);
  }

  /** Nothing up to this revision is still to come: what was written since is not in this space of keys. */
  advance(revision: number): void {
    this.#revision = Math.max(this.#revision, revision);
  }

  /** Takes over what an earlier life of the store committed; compacted history gives state, but no events. */
  load(changes: readonly Change[]): void {
    for (const change of changes) {
      const event = this.#applyOne(change);
      if (event && change.revision > this.#window.start) this.#window.push(event);
    }
  }

  #applyOne({ key, revision, value, created }: Change): StoreEvent | undefined {
    const previous = this.#current.get(key);
    if (previous) this.#values.remove(previous);
    if (value === undefined) {
      if (!previous) return undefined;
      this.#current.delete(key);
      this.#sorted.delete(key);
      this.#count(key, -1);
      return { type: 'delete', item: { ...previous, modRevision: revision }, previous };
    }
    const createRevision = created ?? previous?.createRevision ?? revision;
    const item: KeyValue = { key, value, createRevision, modRevision: revision };
    this.#sorted.set(key, item);
    if (!previous) this.#count(key, 1);
    this.#current.set(key, item);
    this.#values.add(item);
    return { type: 'put', item, previous };
  }

  #count(key: string, by: number): void {
    const bucket = bucketOf(key);
    if (bucket === undefined) return;
    const count = (this.#counts.get(bucket) ?? 0) + by;
    if (count > 0) this.#counts.set(bucket, count);
    else this.#counts.delete(bucket);
  }

  /** @throws StoreError Compacted, Future. */
  checkReadable(revision: number): void {
    if (revision > this.#revision)
      throw new StoreError('Future', `Too large resource version: ${revision}, current: ${this.#revision}`);
    if (revision < this.#compacted)
      throw new StoreError('Compacted', `revision ${revision} is compacted; the oldest is ${this.#compacted}`);
  }

  range(request: RangeRequest): RangeResult {
    const { prefix, after, limit = Number.POSITIVE_INFINITY, revision = this.#revision } = request;
    const start = after === undefined || after < prefix ? prefix : `${after}\0`;
    if (revision !== this.#revision) return this.#rangeBefore({ prefix, start, limit, revision });
    const end = prefix + pastAll;
    const items = this.#sorted.slice(start, end, limit);
    const last = items.at(-1);
    const remaining = items.length < limit ? 0 : this.#sorted.count(last ? `${last.key}\0` : start, end);
    return { revision, items, remaining };
  }

  /** The state at an older revision: the newest, with what changed since put back. */
  #rangeBefore(request: { prefix: string; start: string; limit: number; revision: number }): RangeResult {
    const { prefix, start, limit, revision } = request;
    const before = new Map<string, KeyValue | undefined>();
    for (const { item, previous } of this.#window.after(revision))
      if (item.key >= start && item.key.startsWith(prefix) && !before.has(item.key)) before.set(item.key, previous);
    const end = prefix + pastAll;
    const changed = [...before.keys()].filter((key) => this.#current.has(key)).length;
    // As many more of the newest as may not be shown.
    const items = this.#sorted.slice(start, end, limit + changed).filter(({ key }) => !before.has(key));
    const returned = [...before.values()].filter((item) => item !== undefined);
    const total = this.#sorted.count(start, end) - changed + returned.length;
    items.push(...returned);
    items.sort((a, b) => (a.key < b.key ? -1 : 1));
    const shown = items.slice(0, limit);
    return { revision, items: shown, remaining: total - shown.length };
  }

  /** @throws StoreError Compacted – `after` is older than what the window holds. */
  watch(prefix: string, after: number, signal: AbortSignal): AsyncIterable<readonly StoreEvent[]> {
    if (after < this.#window.start)
      throw new StoreError('Compacted', `too old resource version: ${after} (${this.#window.start})`);
    const replay: StoreEvent[] = [];
    for (const event of this.#window.after(after)) if (event.item.key.startsWith(prefix)) replay.push(event);
    return this.#hub.subscribe({ prefix, after, replay }, signal);
  }

  compact(revision: number): void {
    this.#compacted = Math.max(this.#compacted, revision);
    this.#window.forget(revision);
  }

  /** Brings values together in memory, a step each time it is asked. */
  pack(): Generator<void> {
    return this.#values.pack();
  }

  close(): void {
    this.end(new StoreError('Closed', 'the store is closed'));
  }

  /** Ends all watches. */
  end(error: StoreError): void {
    this.#hub.end(error);
  }
}
