import type { KeyValue, RangeRequest, RangeResult } from '../store.ts';
import type { EtcdClient } from './etcd-client.ts';
import type { EtcdKeys } from './etcd-keys.ts';
import { type EtcdPage, pagesOf } from './etcd-pages.ts';
import type { EtcdValues } from './etcd-values.ts';
import { keyValueOf } from './etcd-writes.ts';
import type { StateSource } from './load-state.ts';

/** Reads at etcd itself: of history, and while the watch is late. */
export class EtcdReads {
  readonly #client: EtcdClient;
  readonly #keys: EtcdKeys;
  readonly #values: EtcdValues;

  constructor({ client, keys, values }: StateSource) {
    this.#client = client;
    this.#keys = keys;
    this.#values = values;
  }

  /** The newest. */
  async get(key: string): Promise<KeyValue | undefined> {
    const request = { key: this.#keys.key(key) };
    const { kvs } = await this.#client.read((member, call) => member.kv.Range(request, call));
    return kvs[0] && keyValueOf(key, kvs[0], await this.#values.read(kvs[0].value));
  }

  /** @throws StoreError Compacted, Future. */
  async range({ prefix, after, limit, revision }: RangeRequest): Promise<RangeResult> {
    const start = after === undefined || after < prefix ? prefix : `${after}\0`;
    const span = this.#keys.range(prefix, start);
    const found: KeyValue[] = [];
    let first: EtcdPage | undefined;
    const all = {
      ...(span ?? this.#keys.whole),
      ...(revision === undefined ? {} : { revision }),
      ...(span && limit !== undefined ? { limit } : {}),
    };
    for await (const page of pagesOf(this.#client, all)) {
      first ??= page;
      for (const kv of page.kvs) {
        const key = this.#keys.ours(kv.key);
        if (key === undefined || !key.startsWith(prefix) || key < start) continue;
        const value = this.#values.read(kv.value);
        found.push(keyValueOf(key, kv, value instanceof Uint8Array ? value : await value));
      }
    }
    // Keys of one kind come in order; kinds may be in another one there.
    if (!span) found.sort((a, b) => (a.key < b.key ? -1 : 1));
    const items = found.slice(0, limit);
    const total = span ? (first?.count ?? 0) : found.length;
    return { revision: revision ?? first?.revision ?? 0, items, remaining: total - items.length };
  }
}
