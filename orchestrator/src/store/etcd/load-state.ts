import type { etcd } from '@berth/protos';
import type { Change } from '../key-space.ts';
import { StoreError } from '../store-error.ts';
import type { EtcdClient } from './etcd-client.ts';
import type { EtcdKeys } from './etcd-keys.ts';

const page = 500;
/** History a start looks back on, so that watchers of another server, or of this one's last life, resume here. */
const lookBack = 1000;

export interface LoadedState {
  readonly revision: number;
  readonly changes: readonly Change[];
}

/** The state of some revisions ago, or the newest where that is compacted; the watch brings what came since. */
export async function loadState(client: EtcdClient, keys: EtcdKeys): Promise<LoadedState> {
  const newest = await newestRevision(client, keys);
  try {
    return await stateAt(client, keys, Math.max(1, newest - lookBack));
  } catch (error) {
    if (!(error instanceof StoreError) || error.code !== 'Compacted') throw error;
    return stateAt(client, keys, newest);
  }
}

/** At least that of every write that was acknowledged before the call: the read goes through etcd's leader. */
export async function newestRevision(client: EtcdClient, keys: EtcdKeys): Promise<number> {
  const { key } = keys.whole;
  const { header } = await client.read((member, options) => member.kv.Range({ key, countOnly: true }, options));
  return Number(header?.revision);
}

async function stateAt(client: EtcdClient, keys: EtcdKeys, revision: number): Promise<LoadedState> {
  const { key: first, rangeEnd } = keys.whole;
  const changes: Change[] = [];
  for (let key = first; ; ) {
    const request = { key, rangeEnd, limit: String(page), revision: String(revision) };
    const { kvs, more } = await client.read((member, options) => member.kv.Range(request, options));
    for (const kv of kvs) {
      const change = changeOf(keys, kv);
      if (change) changes.push(change);
    }
    const last = kvs.at(-1);
    if (!more || !last) return { revision, changes };
    key = new Uint8Array([...last.key, 0]);
  }
}

function changeOf(keys: EtcdKeys, kv: etcd.KeyValue): Change | undefined {
  const key = keys.ours(kv.key);
  if (key === undefined) return undefined;
  return { key, revision: Number(kv.modRevision), created: Number(kv.createRevision), value: ownBytes(kv.value) };
}

/** A copy: what gRPC gives is a piece of a whole message, which would stay in memory with it. */
export function ownBytes(value: Uint8Array): Uint8Array {
  return new Uint8Array(value);
}
