import type {
  KeyValue,
  RangeRequest,
  RangeResult,
  Store,
  StoreEvent,
  WriteRequest,
  WriteResult,
} from '../../store/store.ts';
import { StoreError } from '../../store/store-error.ts';
import type { Opened, Transformer } from './transformer.ts';

/** How the value of a key is stored; undefined: as it is. */
export type TransformerOfKey = (key: string) => Transformer | undefined;

/**
 * A store whose values are sealed before they are written and opened when they are read: what lies in files, backups and
 * etcd is encrypted, also for those who read it in other ways. What cannot be opened is an error of its reader alone.
 */
export class EncryptedStore implements Store {
  readonly #inner: Store;
  readonly #transformerOf: TransformerOfKey;
  /** By the sealed bytes, as long as the inner store has them: each is opened once. */
  readonly #opened = new WeakMap<Uint8Array, Opened>();
  /** The same view of an item each time, as the inner store gives the same item. */
  readonly #views = new WeakMap<KeyValue, KeyValue>();
  readonly #stale = new WeakSet<KeyValue>();
  readonly shared?: true;
  readonly backup?: NonNullable<Store['backup']>;

  constructor(inner: Store, transformerOf: TransformerOfKey) {
    this.#inner = inner;
    this.#transformerOf = transformerOf;
    if (inner.shared) this.shared = inner.shared;
    if (inner.backup) this.backup = () => (inner.backup as NonNullable<Store['backup']>)();
  }

  get revision(): number {
    return this.#inner.revision;
  }

  async get(key: string, notOlderThan?: number): Promise<KeyValue | undefined> {
    const item = await this.#inner.get(key, notOlderThan);
    return item && this.#open(item);
  }

  async range(request: RangeRequest): Promise<RangeResult> {
    const result = await this.#inner.range(request);
    return { ...result, items: result.items.map((item) => this.#openOf(item)) };
  }

  async write(request: WriteRequest): Promise<WriteResult> {
    const { key, value } = request;
    const transformer = value && this.#transformerOf(key);
    if (!transformer) return this.#result(await this.#inner.write(request));
    const sealed = transformer.seal(value, key);
    // What was just written is not opened again for whoever reads it.
    this.#opened.set(sealed, { data: value, stale: false });
    return this.#result(await this.#inner.write({ ...request, value: sealed }));
  }

  watch(prefix: string, after: number, signal: AbortSignal): AsyncIterable<readonly StoreEvent[]> {
    // At once, so that nothing is forgotten until the first event is asked for.
    return this.#opening(this.#inner.watch(prefix, after, signal));
  }

  compact(revision: number): Promise<void> {
    return this.#inner.compact(revision);
  }

  /** Whether it lies there in another way than it would be written now. */
  isStale(item: KeyValue): boolean {
    return this.#stale.has(item);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#inner[Symbol.asyncDispose]() as Promise<void>;
  }

  async *#opening(sealed: AsyncIterable<readonly StoreEvent[]>): AsyncGenerator<readonly StoreEvent[]> {
    for await (const events of sealed)
      yield events.map(({ type, item, previous }) => ({
        type,
        item: this.#openOf(item),
        previous: previous && this.#openOf(previous),
      }));
  }

  #result(result: WriteResult): WriteResult {
    return result.ok || !result.current ? result : { ok: false, current: this.#open(result.current) };
  }

  /** @throws StoreError Corrupt – in upstream's words. */
  #open(item: KeyValue): KeyValue {
    const known = this.#views.get(item);
    if (known) return known;
    const transformer = this.#transformerOf(item.key);
    if (!transformer) return item;
    let opened = this.#opened.get(item.value);
    try {
      opened ??= transformer.open(item.value, item.key);
    } catch (error) {
      throw new StoreError('Corrupt', (error as Error).message, { cause: error });
    }
    this.#opened.set(item.value, opened);
    const view = { ...item, value: opened.data };
    this.#views.set(item, view);
    if (opened.stale) this.#stale.add(view);
    return view;
  }

  /** One of several: which one it was is said as well. */
  #openOf(item: KeyValue): KeyValue {
    try {
      return this.#open(item);
    } catch (error) {
      const { message } = error as StoreError;
      const words = `unable to transform key ${JSON.stringify(item.key)}: ${message}`;
      throw new StoreError('Corrupt', words, { cause: error });
    }
  }
}
