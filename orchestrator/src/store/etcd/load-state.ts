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
  const newest = await firstLook(client, keys);
  try {
    return await stateAt(client, keys, Math.max(1, newest - lookBack));
  } catch (error) {
    if (!(error instanceof StoreError) || error.code !== 'Compacted') throw error;
    return stateAt(client, keys, newest);
  }
}

/** The newest revision, once it is seen that what is here can be read. */
async function firstLook(client: EtcdClient, keys: EtcdKeys): Promise<number> {
  const request = { ...keys.whole, limit: '20' };
  const { header, kvs } = await client.read((member, options) => member.kv.Range(request, options));
  for (const { key, value } of kvs) if (isProtobuf(value)) throw unreadable(key);
  return Number(header?.revision);
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
  if (isProtobuf(kv.value)) throw unreadable(kv.key);
  return { key, revision: Number(kv.modRevision), created: Number(kv.createRevision), value: ownBytes(kv.value) };
}

/** As kube-apiserver marks it (runtime/serializer/protobuf). */
function isProtobuf(value: Uint8Array): boolean {
  return value[0] === 0x6b && value[1] === 0x38 && value[2] === 0x73 && value[3] === 0;
}

function unreadable(key: Uint8Array): StoreError {
  return new StoreError(
    'Unusable',
    `etcd holds ${new TextDecoder().decode(key)} as protobuf, which only kube-apiserver reads; give an --etcd-prefix of its own, or let kube-apiserver write all objects anew with --storage-media-type=application/json`,
  );
}

/** A copy: what gRPC gives is a piece of a whole message, which would stay in memory with it. */
export function ownBytes(value: Uint8Array): Uint8Array {
  return new Uint8Array(value);
}
