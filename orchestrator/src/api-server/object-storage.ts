import { type ApiError, apiError } from '@berth/kube';
import type { KeyValue, RangeResult, Store, StoreEvent, StoreEvents } from '../store/store.ts';
import { StoreError } from '../store/store-error.ts';
import { turns } from './decoding/turns.ts';
import type { AnyObject, ResourceDefinition } from './resource-definition.ts';
import { alreadyExists, modified } from './resource-errors.ts';
import type { ObjectCodec, StoredObject } from './stored-object.ts';

export interface ObjectRange {
  readonly namespace: string;
  /** The only one wanted. Where it makes one key, nothing else is read, whatever `limit` says, but behind a page (SelectionPredicate.MatchesSingle). */
  readonly name?: string | undefined;
  /** Key (see {@link ObjectStorage.keyOf}) after which the page begins. */
  readonly after?: string;
  readonly limit?: number;
  readonly revision?: number;
  /** Any state of this revision or later will do (0: whatever is at hand); the newest when absent. */
  readonly notOlderThan?: number;
}

/** Of {@link turns}, for an item that is found, and looked at as an object. */
const unitsPerItem = 1;
const viewsAtOnce = 4096;

/** The objects of one served resource in the store. Every method throws ApiError. */
export class ObjectStorage {
  readonly definition: ResourceDefinition;
  /** How often many were asked for, what was read for that and what was given: of the state at hand, and of older ones. */
  readonly listed = { cache: { lists: 0, read: 0, given: 0 }, storage: { lists: 0, read: 0, given: 0 } };
  readonly #writes: WriteObserver | undefined;
  readonly #store: Store;
  readonly #root: string;
  readonly #codec: ObjectCodec;
  /** What the next range may bring. */
  #lastCount = 0;
  #lastViewed: ViewedRange | undefined;

  constructor(options: {
    readonly store: Store;
    readonly definition: ResourceDefinition;
    readonly codec: ObjectCodec;
    /** All keys begin with it, and a slash. */
    readonly root: string;
    readonly writes?: WriteObserver | undefined;
  }) {
    this.definition = options.definition;
    this.#store = options.store;
    this.#root = options.root;
    this.#codec = options.codec;
    this.#writes = options.writes;
  }

  get revision(): number {
    return this.#store.revision;
  }

  /** All keys of a namespace (empty: of every one) begin with this. */
  prefixOf(namespace: string): string {
    return namespace === '' ? `${this.#root}/` : `${this.#root}/${namespace}/`;
  }

  keyOf(namespace: string, name: string): string {
    return `${this.prefixOf(namespace)}${name}`;
  }

  /** The newest, or with `notOlderThan` any state of that revision or later (0: what is at hand). */
  async find(namespace: string, name: string, notOlderThan?: number): Promise<StoredObject | undefined> {
    try {
      const kv = await this.#store.get(this.keyOf(namespace, name), notOlderThan);
      return kv && this.#codec.view(kv);
    } catch (error) {
      throw asApiError(error);
    }
  }

  /** False: there are none, as far as it is known here. */
  mayHaveAny(): boolean {
    return this.#store.mayHave?.(`${this.#root}/`) ?? true;
  }

  async range(request: ObjectRange): Promise<RangeResult & { readonly objects: readonly StoredObject[] }> {
    const { namespace, name, ...range } = request;
    const hasKey = namespace !== '' || !this.definition.namespaced;
    const isOneKey = name !== undefined && range.after === undefined && hasKey;
    if (isOneKey) return this.#rangeOfOne(this.keyOf(namespace, name), range);
    // Whoever asks for a few works on at once: among many who waited they would all do so in the same turn.
    const pause = this.#lastCount < viewsAtOnce ? undefined : turns.goOn(this.#lastCount * unitsPerItem);
    if (pause) await pause;
    const result = await storeCall(this.#store.range({ prefix: this.prefixOf(namespace), ...range }));
    const listed = this.#listedBy(range);
    listed.lists++;
    listed.read += result.items.length;
    // Of the first range nobody knew how much it would bring.
    const unforeseen = result.items.length - this.#lastCount;
    this.#lastCount = result.items.length;
    if (unforeseen >= viewsAtOnce) await turns.goOn(unforeseen * unitsPerItem);
    return { ...result, objects: await this.#viewsOf(result, namespace, range) };
  }

  async #rangeOfOne(key: string, range: Omit<ObjectRange, 'namespace' | 'name' | 'after'>) {
    // The first of all keys that begin with it.
    const { revision, items } = await storeCall(this.#store.range({ ...range, prefix: key, limit: 1 }));
    const found = items.filter((item) => item.key === key);
    const listed = this.#listedBy(range);
    listed.lists++;
    listed.read += found.length;
    return { revision, items: found, remaining: 0, objects: await this.#views(found) };
  }

  /** So many were given of what a range brought. */
  noteGiven(range: Pick<ObjectRange, 'revision'>, count: number): void {
    this.#listedBy(range).given += count;
  }

  #listedBy({ revision }: Pick<ObjectRange, 'revision'>) {
    return revision === undefined ? this.listed.cache : this.listed.storage;
  }

  /** The same for all who ask for the same, as long as one of them has them: of thousands of lists each would have its own. */
  async #viewsOf(
    { items, revision }: RangeResult,
    namespace: string,
    { after, limit, revision: asked }: Omit<ObjectRange, 'namespace'>,
  ): Promise<readonly StoredObject[]> {
    // A webhook may convert them otherwise the next time.
    if (this.definition.custom) return this.#views(items);
    const of = [namespace, after, limit, asked, revision].join('\n');
    const objects = this.#knownViews(of) ?? (await this.#views(items));
    // Another may have made them meanwhile.
    const known = this.#knownViews(of);
    if (!known) this.#lastViewed = { of, objects: new WeakRef(objects) };
    return known ?? objects;
  }

  #knownViews(of: string): readonly StoredObject[] | undefined {
    return this.#lastViewed?.of === of ? this.#lastViewed.objects.deref() : undefined;
  }

  async #views(items: readonly KeyValue[]): Promise<readonly StoredObject[]> {
    const views: StoredObject[] = [];
    for (const kv of items) {
      views.push(this.#codec.view(kv));
      if (views.length % viewsAtOnce !== 0) continue;
      const pause = turns.goOn(viewsAtOnce * unitsPerItem);
      if (pause) await pause;
    }
    return views;
  }

  /** @throws ApiError AlreadyExists */
  async create(object: AnyObject): Promise<StoredObject> {
    const { namespace = '', name = '' } = object.metadata;
    const written = await this.#write(this.keyOf(namespace, name), object, 0);
    if (!written) throw alreadyExists(this.definition, name, (await this.find(namespace, name))?.object);
    return written;
  }

  /** Replaces `current`, or answers undefined when it is no longer what is stored. */
  async replace(current: StoredObject, next: AnyObject): Promise<StoredObject | undefined> {
    return this.#write(current.kv.key, next, current.kv.modRevision);
  }

  /** Removes `current`, or answers undefined when it is no longer what is stored; otherwise its last state. */
  async remove(current: StoredObject): Promise<StoredObject | undefined> {
    const { key, modRevision } = current.kv;
    const result = await this.#timed('delete', this.#store.write({ key, expected: modRevision }));
    return result.ok ? this.#codec.view({ ...current.kv, modRevision: result.revision }) : undefined;
  }

  /**
   * Keeps a value of this resource's (an address, a port) for a minute from the other servers of the same store, which know
   * by then what was done with it. False: another has it. What this server follows is as new as the answer.
   */
  async reserve(value: string): Promise<boolean> {
    if (!this.#store.shared) return true;
    const key = `/ranges/${this.definition.plural}/${value}`;
    const kept = await storeCall(this.#store.write({ key, value: nothing, expected: 0, ttlSeconds: 60 }));
    if (!kept.ok) return false;
    if (this.#store.revision < kept.revision) throw asApiError(new StoreError('Unavailable', 'the store is late'));
    // Who follows it does so in promises, which have run by then.
    await new Promise((resolve) => setImmediate(resolve));
    return true;
  }

  /** Whether it would be stored in another way now, though it is what it shall be. */
  isStale({ kv }: StoredObject): boolean {
    return this.#codec.isOutdated(kv) || (this.#store.isStale?.(kv) ?? false);
  }

  watch(namespace: string, after: number, signal: AbortSignal): StoreEvents {
    return this.#store.watch(this.prefixOf(namespace), after, signal);
  }

  view(kv: StoreEvent['item']): StoredObject {
    return this.#codec.view(kv);
  }

  /** What `object` would be if it were stored. */
  pretend(object: AnyObject, current?: StoredObject): AnyObject {
    if (!current) return object;
    return { ...object, metadata: { ...object.metadata, resourceVersion: current.resourceVersion } };
  }

  /** The same, after all that may fail on the way to the store. @throws ApiError */
  dryRun(object: AnyObject, current?: StoredObject): AnyObject | Promise<AnyObject> {
    const { storedAs } = this.definition;
    return this.pretend(storedAs ? storedAs.fromStored(storedAs.toStored(object)) : object, current);
  }

  async #timed<T>(operation: Parameters<WriteObserver['written']>[0], call: Promise<T>): Promise<T> {
    const beganMs = this.#writes?.now() ?? 0;
    let failed = true;
    try {
      const result = await call;
      failed = false;
      return result;
    } catch (error) {
      throw asApiError(error);
    } finally {
      this.#writes?.written(operation, beganMs, failed);
    }
  }

  async #write(key: string, object: AnyObject, expected: number): Promise<StoredObject | undefined> {
    const value = this.#codec.encode(object);
    // etcd's own limit on a request, which clients and controllers reckon with.
    if (value.byteLength > maxObjectBytes) throw tooLarge(value.byteLength);
    const { ttlSeconds } = this.definition.rules;
    const write = { key, value, expected, ...(ttlSeconds ? { ttlSeconds } : {}) };
    const result = await this.#timed(expected === 0 ? 'create' : 'update', this.#store.write(write));
    if (!result.ok) return undefined;
    const kv = await this.#store.get(key, 0);
    const createRevision = kv?.createRevision ?? result.revision;
    if (kv?.modRevision === result.revision) return this.#codec.view(kv);
    return this.#codec.view({ key, value, createRevision, modRevision: result.revision });
  }
}

interface ViewedRange {
  /** What was asked for, and the revision of the answer. */
  readonly of: string;
  readonly objects: WeakRef<readonly StoredObject[]>;
}

/** Hears how long the store takes to write. */
export interface WriteObserver {
  now(): number;
  written(operation: 'create' | 'update' | 'delete', beganMs: number, failed: boolean): void;
}

/** Said by the key alone. */
const nothing = new TextEncoder().encode('{}');

const maxObjectBytes = 1.5 * 1024 * 1024;

function tooLarge(bytes: number) {
  return apiError('RequestEntityTooLarge', `Request entity too large: limit is ${maxObjectBytes}, object is ${bytes}`);
}

/** Runs a change of `current` until it meets no other writer. */
export async function untilUncontended<T>(
  storage: ObjectStorage,
  name: string,
  attempt: () => Promise<T | undefined>,
): Promise<T> {
  for (let tries = 0; tries < 20; tries++) {
    const result = await attempt();
    if (result !== undefined) return result;
  }
  throw modified(storage.definition, name);
}

/** The store's errors as API errors. */
async function storeCall<T>(call: Promise<T>): Promise<T> {
  try {
    return await call;
  } catch (error) {
    throw asApiError(error);
  }
}

/** In the words of Go's scanner, which ends at ten thousand levels. */
export function tooDeep(): ApiError {
  return apiError('BadRequest', "invalid character '{' exceeded max depth");
}

export function asApiError(error: unknown): unknown {
  // What nests deeper than the stack holds; a value that is too long for a string is none of these.
  if (error instanceof RangeError && /call stack/.test(error.message)) return tooDeep();
  if (!(error instanceof StoreError)) return error;
  switch (error.code) {
    case 'Compacted':
      return apiError('Expired', 'The resourceVersion for the provided list is too old.');
    case 'Future':
      return apiError('Timeout', `Timeout: ${error.message}`, {
        details: {
          causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
          retryAfterSeconds: 1,
        },
      });
    case 'Unavailable':
      // Nothing was done, so that clients may try again by themselves.
      return apiError('ServiceUnavailable', error.message, { details: { retryAfterSeconds: 1 } });
    case 'Uncertain':
      return apiError('Timeout', `Timeout: ${error.message}`);
    case 'TooLarge':
      return apiError('RequestEntityTooLarge', `Request entity too large: ${error.message}`);
    case 'Closed':
      return apiError('ServiceUnavailable', 'the server is shutting down');
    default:
      return apiError('InternalError', `Internal error occurred: ${error.message}`);
  }
}
