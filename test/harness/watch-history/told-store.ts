import type {
  KeyValue,
  RangeRequest,
  RangeResult,
  Store,
  StoreEvent,
  WriteRequest,
  WriteResult,
} from '../../../orchestrator/src/store/store.ts';
import { objectOf } from './sqlite-truth.ts';
import type { TrueChange } from './true-history.ts';

const root = '/registry/';

/** A store that tells of each write that was done, whatever watchers of it hear. */
export class ToldStore implements Store {
  readonly #inner: Store;
  readonly #kinds: readonly string[];
  readonly #changes: TrueChange[] = [];

  constructor(inner: Store, kinds: readonly string[]) {
    this.#inner = inner;
    this.#kinds = kinds;
  }

  get changes(): readonly TrueChange[] {
    return this.#changes.toSorted((a, b) => a.revision - b.revision);
  }

  get revision(): number {
    return this.#inner.revision;
  }

  get(key: string, notOlderThan?: number): Promise<KeyValue | undefined> {
    return this.#inner.get(key, notOlderThan);
  }

  range(request: RangeRequest): Promise<RangeResult> {
    return this.#inner.range(request);
  }

  async write(request: WriteRequest): Promise<WriteResult> {
    const result = await this.#inner.write(request);
    const { key, value } = request;
    if (result.ok && this.#kinds.includes(key.slice(root.length).split('/', 1)[0] ?? ''))
      this.#changes.push({
        key: key.slice(root.length),
        revision: result.revision,
        object: value && objectOf(value),
      });
    return result;
  }

  watch(prefix: string, after: number, signal: AbortSignal): AsyncIterable<readonly StoreEvent[]> {
    return this.#inner.watch(prefix, after, signal);
  }

  compact(revision: number): Promise<void> {
    return this.#inner.compact(revision);
  }

  isStale(item: KeyValue): boolean {
    return this.#inner.isStale?.(item) ?? false;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#inner[Symbol.asyncDispose]();
  }
}
