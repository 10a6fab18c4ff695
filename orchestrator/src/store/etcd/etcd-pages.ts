import type { etcd } from '@berth/protos';
import type { EtcdClient } from './etcd-client.ts';

export interface EtcdSpan {
  readonly key: Uint8Array;
  readonly rangeEnd: Uint8Array;
  /** Absent: the newest of when it began. */
  readonly revision?: number;
  /** How many are wanted of all. */
  readonly limit?: number;
}

export interface EtcdPage {
  readonly kvs: readonly etcd.KeyValue[];
  /** All pages are of this revision. */
  readonly revision: number;
  /** How many there are from this page's first on. */
  readonly count: number;
}

/** Of the first page, whose values may have any size. */
const firstKeys = 500;
/** For each page etcd counts all keys that are left, so there should be few of them; */
const mostKeys = 2_000;
/** but a message is decoded in one turn of the event loop: so much takes some ten milliseconds. */
const pageBytes = 2 * 1024 * 1024;

/** The keys of a span at one revision, however many. @throws StoreError Compacted, Future. */
export async function* pagesOf(client: EtcdClient, { limit = Infinity, ...span }: EtcdSpan): AsyncGenerator<EtcdPage> {
  let { key, revision } = span;
  let keys = firstKeys;
  for (let left = limit; left > 0; ) {
    const wanted = String(Math.min(keys, left));
    const at = revision === undefined ? {} : { revision: String(revision) };
    const request = { key, rangeEnd: span.rangeEnd, limit: wanted, ...at };
    const { kvs, more, count, header } = await client.read((member, call) => member.kv.Range(request, call));
    revision ??= Number(header?.revision);
    yield { kvs, revision, count: Number(count) };
    const last = kvs.at(-1);
    if (!more || !last) return;
    left -= kvs.length;
    key = new Uint8Array([...last.key, 0]);
    const bytes = kvs.reduce((sum, { value }) => sum + value.byteLength, 0);
    keys = Math.max(1, Math.min(mostKeys, Math.floor((pageBytes * kvs.length) / bytes)));
  }
}
