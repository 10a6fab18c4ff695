import { LruMap } from '@berth/kube';
import type {
  KeyValue,
  RangeRequest,
  RangeResult,
  Store,
  StoreEvent,
  StoreEvents,
  WriteRequest,
  WriteResult,
} from '../../store/store.ts';
import { StoreError } from '../../store/store-error.ts';
import { turns } from '../decoding/turns.ts';
import type { Opened, Transformer } from './transformer.ts';

/** Of a range: others have their turn between so many and the next. */
const openedAtOnce = 100;
/** In units of {@link turns}: a cipher of its own for each value. */
const [perOpening, bytesOpenedPerUnit] = [75, 100];

/** How the value of a key is stored; undefined: as it is. */
export type TransformerOfKey = (key: string) => Transformer | undefined;

/** Reads what kube-apiserver sealed in a form of its own; undefined: it is as ours are. */
export type ForeignReader = (value: Uint8Array) => Promise<Uint8Array> | undefined;

/** Readers hear of a write in the same milliseconds; more would keep what nobody reads. */
const writtenKept = 64;

/** One way of sealing and opening, until another file is read. */
type Era = object;

/** On an item of the inner store: weak maps of 100,000 take long to grow, and hold up the collector. */
interface OpeningNote {
  readonly era: Era;
  /** A deletion's copy of the item has this note, too. */
  readonly sealed: Uint8Array;
  readonly opened: Opened;
  /** The item that {@link view} is of. */
  readonly viewed: KeyValue;
  /** The same each time, as the inner store gives the same item. */
  view: OpenedItem | Promise<OpenedItem>;
}

interface OpenedItem extends KeyValue {
  readonly era: Era;
  readonly stale: boolean;
}

/**
 * A store whose values are sealed before they are written and opened when they are read: what lies in files, backups and
 * etcd is encrypted, also for those who read it in other ways. What cannot be opened is an error of its reader alone.
 */
export class EncryptedStore implements Store {
  readonly #inner: Store;
  readonly #foreign: ForeignReader;
  #transformerOf: TransformerOfKey;
  /** Of what was written up to then, and opened in an earlier era, nobody knows how it would be written now. */
  #replacedAt = 0;
  #era: Era = {};
  /** By the sealed bytes: what was just written is not opened again for whoever reads it. */
  #written = new LruMap<Uint8Array, Opened>(writtenKept);
  readonly shared?: true;
  readonly mayHave?: NonNullable<Store['mayHave']>;
  readonly backup?: NonNullable<Store['backup']>;
  readonly check?: NonNullable<Store['check']>;
  readonly sizeBytes?: NonNullable<Store['sizeBytes']>;

  constructor(inner: Store, transformerOf: TransformerOfKey, foreign: ForeignReader = () => undefined) {
    this.#inner = inner;
    this.#transformerOf = transformerOf;
    this.#foreign = foreign;
    if (inner.shared) this.shared = inner.shared;
    if (inner.mayHave) this.mayHave = (prefix) => (inner.mayHave as NonNullable<Store['mayHave']>)(prefix);
    if (inner.sizeBytes) this.sizeBytes = () => (inner.sizeBytes as NonNullable<Store['sizeBytes']>)();
    if (inner.check) this.check = () => (inner.check as NonNullable<Store['check']>)();
    if (inner.backup) this.backup = () => (inner.backup as NonNullable<Store['backup']>)();
  }

  get revision(): number {
    return this.#inner.revision;
  }

  /** Seals and opens in other ways from now on. */
  replace(transformerOf: TransformerOfKey): void {
    this.#transformerOf = transformerOf;
    this.#replacedAt = this.#inner.revision;
    this.#era = {};
    this.#written = new LruMap(writtenKept);
  }

  async get(key: string, notOlderThan?: number): Promise<KeyValue | undefined> {
    const item = await this.#inner.get(key, notOlderThan);
    return item && (await this.#open(item));
  }

  async range(request: RangeRequest): Promise<RangeResult> {
    const result = await this.#inner.range(request);
    return { ...result, items: await this.#openInTurns(result.items) };
  }

  async write(request: WriteRequest): Promise<WriteResult> {
    const { key, value } = request;
    const transformerOf = this.#transformerOf;
    const result = await this.#inner.write(value ? { ...request, value: this.#seal(key, value) } : request);
    // Another file was read meanwhile.
    if (result.ok && transformerOf !== this.#transformerOf)
      this.#replacedAt = Math.max(this.#replacedAt, result.revision);
    return this.#result(result);
  }

  watch(prefix: string, after: number, signal: AbortSignal): StoreEvents {
    // At once, so that nothing is forgotten until the first event is asked for.
    const sealed = this.#inner.watch(prefix, after, signal);
    const making = { isMaking: false };
    return Object.assign(making, { [Symbol.asyncIterator]: () => this.#opening(sealed, making) });
  }

  compact(revision: number): Promise<void> {
    return this.#inner.compact(revision);
  }

  /** Whether it lies there in another way than it would be written now. */
  isStale(item: KeyValue): boolean {
    const { era, stale } = item as Partial<OpenedItem>;
    if (era === this.#era) return stale === true;
    return item.modRevision <= this.#replacedAt && this.#transformerOf(item.key) !== undefined;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#inner[Symbol.asyncDispose]() as Promise<void>;
  }

  async *#opening(
    sealed: AsyncIterable<readonly StoreEvent[]>,
    making: { isMaking: boolean },
  ): AsyncGenerator<readonly StoreEvent[]> {
    for await (const events of sealed) {
      making.isMaking = true;
      const items = await this.#openInTurns(events.map(({ item }) => item));
      const before = await this.#openInTurns(events.flatMap(({ previous }) => previous ?? []));
      let at = 0;
      yield events.map(({ type, previous }, i) => ({
        type,
        item: items[i] as KeyValue,
        previous: previous && before[at++],
      }));
      making.isMaking = false;
    }
  }

  #seal(key: string, value: Uint8Array): Uint8Array {
    const transformer = this.#transformerOf(key);
    if (!transformer) return value;
    const sealed = transformer.seal(value, this.#placeOf(key));
    this.#written.set(sealed, { data: value, stale: false });
    return sealed;
  }

  async #result(result: WriteResult): Promise<WriteResult> {
    return result.ok || !result.current ? result : { ok: false, current: await this.#open(result.current) };
  }

  async #openInTurns(sealed: readonly KeyValue[]): Promise<readonly KeyValue[]> {
    const items: KeyValue[] = [];
    for (let at = 0; at < sealed.length; at += openedAtOnce) {
      const some = sealed.slice(at, at + openedAtOnce);
      const cost = this.#openingCost(some);
      const pause = cost > 0 ? turns.goOn(cost) : undefined;
      if (pause) await pause;
      for (const item of await this.#openAll(some)) items.push(item);
    }
    return items;
  }

  /** Of what nobody read yet, in units of {@link turns}. */
  #openingCost(items: readonly KeyValue[]): number {
    let cost = 0;
    for (const item of items)
      if (this.#transformerOf(item.key) && !this.#noteOf(item) && !this.#written.get(item.value))
        cost += perOpening + item.value.length / bytesOpenedPerUnit;
    return cost;
  }

  /** Waits only where there is something to wait for: nearly all values are ours. */
  #openAll(items: readonly KeyValue[]): readonly KeyValue[] | Promise<readonly KeyValue[]> {
    const opened = items.map((item) => this.#openOf(item));
    return opened.some((each) => each instanceof Promise) ? Promise.all(opened) : (opened as KeyValue[]);
  }

  /** @throws StoreError Corrupt – in upstream's words. */
  #open(item: KeyValue): KeyValue | Promise<KeyValue> {
    const transformer = this.#transformerOf(item.key);
    if (!transformer) return item;
    const note = this.#noteOf(item);
    if (note?.viewed === item) return note.view;
    const opened = note?.opened ?? this.#written.get(item.value) ?? this.#openBy(transformer, item);
    const era = this.#era;
    const view = (data: Uint8Array) => ({ ...item, notes: undefined, value: data, era, stale: opened.stale });
    const own = this.#foreign(opened.data)?.then((data) => {
      made.view = view(data);
      return made.view;
    });
    const made: OpeningNote = { era, sealed: item.value, opened, viewed: item, view: own ?? view(opened.data) };
    item.notes = made;
    return made.view;
  }

  #noteOf({ notes, value }: KeyValue): OpeningNote | undefined {
    const note = notes as Partial<OpeningNote> | undefined;
    return note?.era === this.#era && note.sealed === value ? (note as OpeningNote) : undefined;
  }

  #openBy(transformer: Transformer, { key, value }: KeyValue): Opened {
    try {
      return transformer.open(value, this.#placeOf(key));
    } catch (error) {
      throw new StoreError('Corrupt', (error as Error).message, { cause: error });
    }
  }

  /** Where it lies, which is sealed with it: in etcd some kinds have other names. */
  #placeOf(key: string): string {
    return this.#inner.placeOf?.(key) ?? key;
  }

  /** One of several: which one it was is said as well. */
  #openOf(item: KeyValue): KeyValue | Promise<KeyValue> {
    try {
      return this.#open(item);
    } catch (error) {
      const { message } = error as StoreError;
      const words = `unable to transform key ${JSON.stringify(item.key)}: ${message}`;
      throw new StoreError('Corrupt', words, { cause: error });
    }
  }
}
