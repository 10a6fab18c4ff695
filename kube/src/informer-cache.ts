import { Turns } from '@berth/kit';
import { type ChangeHandler, type Indexer, keyOf, type ObjectKey } from './informer.ts';
import type { KubeObject } from './resource-type.ts';

interface Index<T> {
  readonly indexer: Indexer<T>;
  readonly keys: Map<string, Set<ObjectKey>>;
}

const namespaceIndex = ' namespace';

/** Indexes and handlers of all controllers take some 20 µs for an object. */
const changesATurn = 250;

/** Shared by all informers of the process, which start at the same time. */
const turns = new Turns(changesATurn);

/** What an informer knows: objects by key, with indexes kept as they change, and the handlers to tell. */
export class InformerCache<T extends KubeObject> {
  readonly #objects = new Map<ObjectKey, T>();
  readonly #indexes = new Map<string, Index<T>>();
  readonly #handlers = new Set<ChangeHandler<T>>();
  readonly #onHandlerError: (error: unknown) => void;

  constructor(onHandlerError: (error: unknown) => void) {
    this.#onHandlerError = onHandlerError;
    this.addIndex(namespaceIndex, (object) => [object.metadata.namespace ?? '']);
  }

  get(key: ObjectKey): T | undefined {
    return this.#objects.get(key);
  }

  list(namespace?: string): T[] {
    return namespace === undefined ? [...this.#objects.values()] : this.byIndex(namespaceIndex, namespace);
  }

  addIndex(name: string, indexer: Indexer<T>): void {
    if (this.#indexes.has(name)) return;
    const index: Index<T> = { indexer, keys: new Map() };
    this.#indexes.set(name, index);
    for (const [key, object] of this.#objects) link(index, key, object);
  }

  byIndex(name: string, value: string): T[] {
    const index = this.#indexes.get(name);
    if (!index) throw new Error(`informer has no index "${name}": add it with addIndex first`);
    return [...(index.keys.get(value) ?? [])].map((key) => this.#objects.get(key) as T);
  }

  addHandler(handler: ChangeHandler<T>): Disposable {
    // Each registration is its own, so that disposing one of two equal handlers leaves the other.
    const own: ChangeHandler<T> = (key, change) => handler(key, change);
    this.#handlers.add(own);
    for (const [key, after] of [...this.#objects]) this.#tell(own, key, undefined, after);
    return { [Symbol.dispose]: () => this.#handlers.delete(own) };
  }

  /** Takes over an object that was added or changed; one made anew under the same name is a deletion and an addition. */
  put(after: T): void {
    const key = keyOf(after);
    const before = this.#objects.get(key);
    if (before && before.metadata.resourceVersion === after.metadata.resourceVersion) return;
    if (before && before.metadata.uid !== after.metadata.uid) {
      this.delete(before);
      return this.#set(key, undefined, after);
    }
    this.#set(key, before, after);
  }

  /** Forgets an object, telling handlers its `last` state. */
  delete(last: T): void {
    const key = keyOf(last);
    const known = this.#objects.get(key);
    if (!known) return;
    this.#objects.delete(key);
    for (const index of this.#indexes.values()) unlink(index, key, known);
    for (const handler of [...this.#handlers]) this.#tell(handler, key, last, undefined);
  }

  /**
   * Takes over a whole list: what is missing from it was deleted while nobody watched. Of a long one a part in each turn of the
   * event loop, as if the changes came one by one. @throws what `signal` aborts with – at the next turn
   */
  async replace(items: readonly T[], signal: AbortSignal): Promise<void> {
    const present = new Set(this.#objects.size > 0 ? items.map(keyOf) : []);
    for (const [key, object] of [...this.#objects]) {
      if (present.has(key)) continue;
      const turn = turnForChange(signal);
      if (turn) await turn;
      this.delete(object);
    }
    for (const item of items) {
      const turn = turnForChange(signal);
      if (turn) await turn;
      this.put(item);
    }
  }

  #set(key: ObjectKey, before: T | undefined, after: T): void {
    this.#objects.set(key, after);
    for (const index of this.#indexes.values()) {
      if (before) unlink(index, key, before);
      link(index, key, after);
    }
    for (const handler of [...this.#handlers]) this.#tell(handler, key, before, after);
  }

  #tell(handler: ChangeHandler<T>, key: ObjectKey, before: T | undefined, after: T | undefined): void {
    try {
      handler(key, { before, after });
    } catch (error) {
      this.#onHandlerError(error);
    }
  }
}

/** A promise only where this turn has had enough: most lists are short. */
function turnForChange(signal: AbortSignal): Promise<void> | undefined {
  return turns.goOn(1)?.then(() => signal.throwIfAborted());
}

function link<T>(index: Index<T>, key: ObjectKey, object: T): void {
  for (const value of index.indexer(object)) {
    const keys = index.keys.get(value);
    if (keys) keys.add(key);
    else index.keys.set(value, new Set([key]));
  }
}

function unlink<T>(index: Index<T>, key: ObjectKey, object: T): void {
  for (const value of index.indexer(object)) {
    const keys = index.keys.get(value);
    keys?.delete(key);
    if (keys?.size === 0) index.keys.delete(value);
  }
}
