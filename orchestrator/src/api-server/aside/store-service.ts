import { messageOf } from '@berth/kit';
import type { KeyValue, Store } from '../../store/store.ts';
import { StoreError, type StoreErrorCode } from '../../store/store-error.ts';
import type { FromThread, StoreCall, StoreReply, StoreResult, ToThread } from './aside-protocol.ts';
import { packEvents, packItems } from './packed-items.ts';

export interface StoreServiceParts {
  readonly store: Store;
  /** Takes an address or a port that Services share. */
  readonly reserve: (value: string) => Promise<boolean>;
  /** Hears what is about to be written. */
  readonly written: (key: string, value: Uint8Array) => void;
  readonly post: (message: ToThread, transfer?: readonly ArrayBuffer[]) => void;
}

/** Does for another thread what it asks of the store. */
export class StoreService implements Disposable {
  readonly #parts: StoreServiceParts;
  readonly #watches = new Map<number, AbortController>();

  constructor(parts: StoreServiceParts) {
    this.#parts = parts;
  }

  async call(id: number, call: StoreCall): Promise<void> {
    const { store, post } = this.#parts;
    let reply: StoreReply;
    try {
      reply = { ...(await this.#do(call)), revision: store.revision };
    } catch (error) {
      reply = { ...failureOf(error), revision: store.revision };
    }
    post({ type: 'reply', id, reply }, 'items' in reply && reply.items ? [bufferOf(reply.items.bytes)] : []);
  }

  async watch({ id, prefix, after }: Extract<FromThread, { type: 'watch' }>): Promise<void> {
    const { store, post } = this.#parts;
    const end = new AbortController();
    this.#watches.set(id, end);
    try {
      for await (const batch of store.watch(prefix, after, end.signal)) {
        const events = packEvents(batch);
        post({ type: 'events', id, revision: store.revision, events }, [bufferOf(events.items.bytes)]);
      }
    } catch (error) {
      if (!end.signal.aborted) post({ type: 'ended', id, ...failureOf(error) });
    } finally {
      this.#watches.delete(id);
    }
  }

  unwatch(id: number): void {
    this.#watches.get(id)?.abort();
  }

  [Symbol.dispose](): void {
    for (const end of this.#watches.values()) end.abort();
  }

  async #do(call: StoreCall): Promise<StoreResult> {
    const { store, reserve } = this.#parts;
    const pack = (items: readonly KeyValue[]) => packItems(items, (item) => store.isStale?.(item) ?? false);
    switch (call.op) {
      case 'get': {
        const item = await store.get(call.key, call.notOlderThan);
        return { items: pack(item ? [item] : []) };
      }
      case 'range': {
        const { revision, items, remaining } = await store.range(call.request);
        return { items: pack(items), readAt: revision, remaining };
      }
      case 'write': {
        const { key, value } = call.request;
        if (value) this.#parts.written(key, value);
        const result = await store.write(call.request);
        if (!result.ok) return { ok: false, items: pack(result.current ? [result.current] : []) };
        const item = await store.get(key, 0);
        return { ok: true, writtenAt: result.revision, createRevision: item?.createRevision ?? result.revision };
      }
      case 'reserve':
        return { ok: await reserve(call.value) };
    }
  }
}

function bufferOf({ buffer }: Uint8Array): ArrayBuffer {
  return buffer as ArrayBuffer;
}

function failureOf(error: unknown): { readonly code: StoreErrorCode; readonly message: string } {
  return { code: error instanceof StoreError ? error.code : 'Unavailable', message: messageOf(error) };
}
