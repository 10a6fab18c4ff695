import { Channel } from '@berth/kit';
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
import type { FromThread, PackedItems, StoreCall, StoreReply, ToThread } from './aside-protocol.ts';
import { unpackEvents, unpackItems } from './packed-items.ts';

/** Keys under which servers of one store keep values from each other. */
const ranges = /^\/ranges\/services\/(.*)$/s;

/** Events one watcher may be behind. */
const mostUnread = 10_000;

/** The store of the thread that this one works for: every call is a message to it, and is as it would be there. */
export class RemoteStore implements Store {
  readonly shared = true;
  readonly #post: (message: FromThread) => void;
  readonly #calls = new Map<number, (reply: StoreReply) => void>();
  readonly #watches = new Map<number, Channel<readonly StoreEvent[]>>();
  readonly #stale = new WeakSet<KeyValue>();
  #next = 0;
  #revision = 0;
  /** What was written last is asked for right afterwards. */
  #written: KeyValue | undefined;

  constructor(post: (message: FromThread) => void) {
    this.#post = post;
  }

  get revision(): number {
    return this.#revision;
  }

  async get(key: string, notOlderThan?: number): Promise<KeyValue | undefined> {
    if (notOlderThan === 0 && this.#written?.key === key) return this.#written;
    const reply = await this.#ask({ op: 'get', key, notOlderThan });
    return 'items' in reply && reply.items ? this.#unpack(reply.items)[0] : undefined;
  }

  async range(request: RangeRequest): Promise<RangeResult> {
    const reply = await this.#ask({ op: 'range', request });
    if (!('readAt' in reply)) throw new StoreError('Closed', 'the store is closed');
    const { items, readAt = 0, remaining = 0 } = reply;
    return { revision: readAt, items: this.#unpack(items), remaining };
  }

  async write(request: WriteRequest): Promise<WriteResult> {
    const kept = ranges.exec(request.key)?.[1];
    const { value, key } = request;
    this.#written = undefined;
    const reply = await this.#ask(kept === undefined ? { op: 'write', request } : { op: 'reserve', value: kept });
    if (!('ok' in reply)) throw new StoreError('Closed', 'the store is closed');
    if (!reply.ok) return { ok: false, current: reply.items && this.#unpack(reply.items)[0] };
    const { writtenAt: revision = reply.revision, createRevision = revision } = reply;
    if (value && kept === undefined) this.#written = { key, value, createRevision, modRevision: revision };
    return { ok: true, revision };
  }

  /** That changes are gone is told by the first event. */
  watch(prefix: string, after: number, signal: AbortSignal): AsyncIterable<readonly StoreEvent[]> {
    const id = this.#next++;
    const channel = new Channel<readonly StoreEvent[]>(mostUnread);
    this.#watches.set(id, channel);
    this.#post({ type: 'watch', id, prefix, after });
    const stop = () => {
      this.#watches.delete(id);
      this.#post({ type: 'unwatch', id });
      channel.end();
    };
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
    return channel;
  }

  /** The other thread's affair. */
  async compact(): Promise<void> {}

  isStale(item: KeyValue): boolean {
    return this.#stale.has(item);
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  /** What the other thread says of the store. */
  told(message: Extract<ToThread, { type: 'reply' | 'events' | 'ended' }>): void {
    const { id } = message;
    if (message.type === 'reply') {
      this.#revision = Math.max(this.#revision, message.reply.revision);
      this.#calls.get(id)?.(message.reply);
      this.#calls.delete(id);
    } else if (message.type === 'events') {
      this.#revision = Math.max(this.#revision, message.revision);
      for (const event of unpackEvents(message.events)) this.#tell(id, event);
    } else {
      this.#watches.get(id)?.end(new StoreError(message.code, message.message));
      this.#watches.delete(id);
    }
  }

  /** Each write has a revision of its own: events are batches. */
  #tell(id: number, event: StoreEvent): void {
    if (this.#watches.get(id)?.push([event]) !== false) return;
    const behind = new StoreError('Compacted', 'a watcher fell too far behind; list again');
    this.told({ type: 'ended', id, code: behind.code, message: behind.message });
  }

  async #ask(call: StoreCall): Promise<Exclude<StoreReply, { code: unknown }>> {
    const id = this.#next++;
    const reply = await new Promise<StoreReply>((resolve) => {
      this.#calls.set(id, resolve);
      this.#post({ type: 'call', id, call });
    });
    if ('code' in reply) throw new StoreError(reply.code, reply.message);
    return reply;
  }

  #unpack(items: PackedItems): KeyValue[] {
    return unpackItems(items, (item) => this.#stale.add(item));
  }
}
