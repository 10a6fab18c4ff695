import type { etcd, Init } from '@berth/protos';
import type { KeyValue, WriteRequest } from '../store.ts';

/** One compare-and-write as a transaction; what stands there comes back where the comparison fails. */
export function transactionOf(
  key: Uint8Array,
  { value, expected }: WriteRequest,
  lease: string | undefined,
): Init<etcd.TxnRequest> {
  const failure = [{ requestRange: { key } }];
  const success = [
    value ? { requestPut: { key, value, ...(lease ? { lease } : {}) } } : { requestDeleteRange: { key } },
  ];
  if (expected !== undefined)
    return {
      compare: [{ key, target: 'MOD', result: 'EQUAL', modRevision: String(expected) }],
      success,
      failure,
    };
  return { success };
}

/** Whether anything was written: a deletion may find nothing. */
export function hasWritten({ succeeded, responses }: etcd.TxnResponse): boolean {
  const deletion = responses[0]?.responseDeleteRange;
  return succeeded && (!deletion || Number(deletion.deleted) > 0);
}

/** With its value as it is read here. */
export function keyValueOf(key: string, kv: etcd.KeyValue, value: Uint8Array): KeyValue {
  return {
    key,
    value,
    createRevision: Number(kv.createRevision),
    modRevision: Number(kv.modRevision),
  };
}
