import { type Clock, isAbort } from '@berth/kit';
import { ApiError, apiError, apiVersionOf, type KubeObject } from '@berth/kube';
import type { StoreEvent, StoreEvents } from '../../store/store.ts';
import { StoreError } from '../../store/store-error.ts';
import { readingCost } from '../decoding/costs.ts';
import { breathe, largeBytes } from '../decoding/large-bodies.ts';
import { turns } from '../decoding/turns.ts';
import { type ListOptions, listOptionsOf } from '../list-options.ts';
import type { ObjectStorage } from '../object-storage.ts';
import { revisionOf } from '../query-values.ts';
import type { AnyObject, ResourceDefinition } from '../resource-definition.ts';
import type { ResourceRoute } from '../route.ts';
import { type Selection, selectingCost, selectionInTurns, selectionOf, selects } from '../selection.ts';
import type { ServerContext } from '../server-context.ts';
import type { Answer, ServerRequest, WatchFrame } from '../server-request.ts';
import { StoredObject } from '../stored-object.ts';

/** Upstream tells idle watchers where they are about once a minute, so that they can resume after a compaction. */
const bookmarkEveryMs = 60_000;

/** One for all, as each would capture a stack. */
const ended = new DOMException('The watch ended', 'AbortError');

export async function watchObjects(
  context: ServerContext,
  { definition, namespace, name }: ResourceRoute,
  request: ServerRequest,
): Promise<Answer> {
  const options = listOptionsOf(request.query, 'watch');
  const fieldSelector = fieldsOf(options, name, definition);
  const read = selectionInTurns(definition, { ...options, fieldSelector });
  const selection = read instanceof Promise ? await read : read;
  const after = revisionOf(options.resourceVersion);
  const seconds = options.timeoutSeconds || context.minRequestTimeoutSeconds * (1 + context.rng.next());
  const watch = new ObjectWatch({
    storage: context.storage(definition),
    clock: context.clock,
    namespace,
    selection,
    options,
    timeoutMs: seconds * 1000,
    signal: definition.custom ? AbortSignal.any([request.signal, definition.custom.ended]) : request.signal,
  });
  return { type: 'watch', definition, frames: await watch.start(after) };
}

/** Of a watch whose path names an object, with what its query says of it. @throws ApiError BadRequest – of another one. */
function fieldsOf({ fieldSelector }: ListOptions, name: string, definition: ResourceDefinition): string {
  if (name === '') return fieldSelector;
  if (fieldSelector === '') return `metadata.name=${name.replace(/[\\,=]/g, '\\$&')}`;
  const { name: selected } = selectionOf(definition, { labelSelector: '', fieldSelector });
  if (selected !== name) throw apiError('BadRequest', "fieldSelector metadata.name doesn't match requested name");
  return fieldSelector;
}

interface ObjectWatchOptions {
  readonly storage: ObjectStorage;
  readonly clock: Clock;
  readonly namespace: string;
  readonly selection: Selection;
  readonly options: ListOptions;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** One client's view of a resource's changes. */
class ObjectWatch {
  readonly #o: ObjectWatchOptions;
  readonly #end = new AbortController();
  #revision = 0;

  constructor(options: ObjectWatchOptions) {
    this.#o = options;
  }

  /** Reads the initial state where one is wanted. What follows is subscribed to when the first frame is asked for. */
  async start(after: number | undefined): Promise<AsyncIterable<WatchFrame>> {
    const { storage, namespace, options, selection } = this.#o;
    const wantsState = options.sendInitialEvents ?? (after === undefined || after === 0);
    const initial: WatchFrame[] = [];
    if (wantsState) {
      const state = await storage
        .range({ namespace, name: selection.name, ...(after === undefined ? {} : { notOlderThan: after }) })
        .catch((error: unknown) => tooNew(error));
      if ('type' in state) return framesOf(state);
      const { objects, revision } = state;
      for (const object of objects) {
        const pause = selection.all ? undefined : turns.goOn(selectingCost(selection, object));
        if (pause) await pause;
        if (selects(selection, object)) initial.push({ type: 'ADDED', object });
      }
      // Whoever watches from the beginning asks for initial events, though it does not say so (SetListOptionsDefaults).
      if (options.allowWatchBookmarks)
        initial.push(bookmark(storage.definition, revision, { [initialEventsEnd]: 'true' }));
      this.#revision = revision;
    } else if (after === undefined) this.#revision = (await storage.range({ namespace, limit: 1 })).revision;
    else this.#revision = after === 0 ? storage.revision : after;
    return this.#frames(initial);
  }

  #subscribe(): StoreEvents | WatchFrame {
    const { storage, namespace } = this.#o;
    try {
      return storage.watch(namespace, this.#revision, this.#end.signal);
    } catch (error) {
      if (isExpired(error)) return expired(error.message);
      throw error;
    }
  }

  async *#frames(initial: readonly WatchFrame[]): AsyncGenerator<WatchFrame> {
    const { clock, signal, timeoutMs } = this.#o;
    const stop = () => this.#end.abort(ended);
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
    using _timeout = clock.schedule(timeoutMs, stop);
    // Not earlier: an answer that nobody can read ends before its first frame, and nothing would end its subscription.
    try {
      const events = this.#subscribe();
      yield* initial;
      if ('type' in events) yield events;
      else if (this.#o.options.allowWatchBookmarks) yield* this.#withBookmarks(events);
      else for await (const batch of events) yield* this.#framesOf(batch);
    } catch (error) {
      // A store that closes, is out of reach, or has kept as much as it may for who is slow, ends watches without a word, as upstream's
      // (cacheWatcher.forget): watchers come back, here or elsewhere, go on behind what they read, and are told where that is too old.
      if (!isAbort(error) && !(error instanceof StoreError)) throw error;
    } finally {
      signal.removeEventListener('abort', stop);
      this.#end.abort(ended);
    }
  }

  async *#withBookmarks(events: StoreEvents): AsyncGenerator<WatchFrame> {
    const { clock, timeoutMs, storage } = this.#o;
    const due = new BookmarkTimer(clock, timeoutMs);
    const iterator = events[Symbol.asyncIterator]();
    using _due = due;
    let next = iterator.next();
    while (true) {
      const result = await Promise.race([next, due.wait()]);
      if (result === 'due') {
        // What was written up to here is in the batch that comes next, if it was not told yet; that takes some steps.
        const written = storage.revision;
        await breathe();
        const { isMaking = false } = events;
        const waiting = await settledFirst(next);
        if (waiting === undefined) this.#revision = isMaking ? this.#revision : Math.max(this.#revision, written);
        else if (waiting.done) return;
        else {
          yield* this.#framesOf(waiting.value);
          next = iterator.next();
        }
        yield bookmark(storage.definition, this.#revision);
        due.again();
        continue;
      }
      if (result.done) return;
      yield* this.#framesOf(result.value);
      next = iterator.next();
    }
  }

  #framesOf(events: readonly StoreEvent[]): Iterable<WatchFrame> | AsyncIterable<WatchFrame> {
    const { isOfMetadata, conditions } = this.#o.selection;
    const isLight = isOfMetadata && conditions < manyConditions;
    return isLight ? this.#framesAtOnce(events) : this.#framesInTurns(events);
  }

  /** Of large objects, of which more than their metadata is looked at, or by many conditions: an event has two. */
  async *#framesInTurns(events: readonly StoreEvent[]): AsyncGenerator<WatchFrame> {
    const { isOfMetadata, conditions } = this.#o.selection;
    for (const event of events) {
      const { item, previous } = event;
      const both = previous ? [item, previous] : [item];
      const looking = conditions < manyConditions ? undefined : turns.goOn(both.length * conditions);
      if (looking) await looking;
      const read: AnyObject[] = [];
      for (const kv of both) {
        if (isOfMetadata || kv.value.length <= largeBytes) continue;
        const object = this.#o.storage.view(kv);
        const pause = object.isRead ? undefined : reading(object);
        if (pause) await pause;
        read.push(object.object);
      }
      yield* this.#framesAtOnce([event]);
      // Kept up to here: views forget what nobody has.
      read.length = 0;
    }
  }

  *#framesAtOnce(events: readonly StoreEvent[]): Generator<WatchFrame> {
    for (const event of events) {
      this.#revision = event.item.modRevision;
      const frame = this.#frameOf(event);
      if (frame) yield frame;
    }
  }

  /** What an event means to someone who sees only what the selection matches. */
  #frameOf({ type, item, previous }: StoreEvent): WatchFrame | undefined {
    const { storage, selection } = this.#o;
    const object = storage.view(item);
    const before = previous && storage.view(previous);
    const matched = before !== undefined && selects(selection, before);
    if (type === 'delete') return matched ? { type: 'DELETED', object } : undefined;
    if (selects(selection, object)) return { type: matched ? 'MODIFIED' : 'ADDED', object };
    if (!matched || !previous) return undefined;
    return { type: 'DELETED', object: storage.view({ ...previous, modRevision: item.modRevision }) };
  }
}

/** From here on an event is looked at in turns: a thousand watchers hear of it in the same one. */
const manyConditions = 100;

/** Reading it takes five milliseconds and more. */
const ownTurnBytes = 256 * 1024;

/** Undefined: this turn has room for it. The first that waits does so within the same one where the event has just come. */
function reading(object: StoredObject): Promise<void> | undefined {
  return object.kv.value.length > ownTurnBytes ? breathe() : turns.goOn(readingCost(object));
}

/** What is there without waiting for it. */
async function settledFirst<T>(promise: Promise<T>): Promise<T | undefined> {
  return Promise.race([promise, Promise.resolve(undefined)]);
}

class BookmarkTimer implements Disposable {
  readonly #clock: Clock;
  readonly #lastAt: number;
  #due = Promise.withResolvers<'due'>();
  #timer: Disposable | undefined;

  constructor(clock: Clock, timeoutMs: number) {
    this.#clock = clock;
    // The last one comes two seconds before the end, so that the client resumes from there.
    this.#lastAt = clock.monotonicMs() + timeoutMs - 2000;
    this.again();
  }

  wait(): Promise<'due'> {
    return this.#due.promise;
  }

  again(): void {
    this.#due = Promise.withResolvers<'due'>();
    const { resolve } = this.#due;
    const untilLast = this.#lastAt - this.#clock.monotonicMs();
    const delay = untilLast > 0 ? Math.min(bookmarkEveryMs, untilLast) : bookmarkEveryMs;
    this.#timer = this.#clock.schedule(delay, () => resolve('due'));
  }

  [Symbol.dispose](): void {
    this.#timer?.[Symbol.dispose]();
  }
}

const initialEventsEnd = 'k8s.io/initial-events-end';

/** Whether a bookmark is the one behind the state that a watch began with. */
export function endsInitialEvents({ object }: WatchFrame): boolean {
  return !(object instanceof StoredObject) && object.metadata?.annotations?.[initialEventsEnd] === 'true';
}

function bookmark(definition: ResourceDefinition, revision: number, annotations?: Record<string, string>): WatchFrame {
  const metadata = { resourceVersion: String(revision), ...(annotations ? { annotations } : {}) };
  return { type: 'BOOKMARK', object: { kind: definition.kind, apiVersion: apiVersionOf(definition), metadata } };
}

function isExpired(error: unknown): error is StoreError {
  return error instanceof StoreError && error.code === 'Compacted';
}

function expired(message: string): WatchFrame {
  return failed(apiError('Expired', message));
}

/** A watch whose initial state is still to come tells so as an event (cacher.Watch); what else is wrong is its answer. */
function tooNew(error: unknown): WatchFrame {
  const causes = error instanceof ApiError ? error.status.details?.causes : undefined;
  if (causes?.some(({ reason }) => reason === 'ResourceVersionTooLarge')) return failed(error as ApiError);
  throw error;
}

function failed({ status }: ApiError): WatchFrame {
  return { type: 'ERROR', object: status as unknown as KubeObject };
}

async function* framesOf(frame: WatchFrame): AsyncGenerator<WatchFrame> {
  yield frame;
}
