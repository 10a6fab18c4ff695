import type { Change } from '../key-space.ts';
import { StoreError } from '../store-error.ts';
import type { EtcdClient } from './etcd-client.ts';
import type { EtcdKeys } from './etcd-keys.ts';
import type { EtcdValues } from './etcd-values.ts';

const page = 500;
/** History a start looks back on, so that watchers of another server, or of this one's last life, resume here. */
const lookBack = 1000;

export interface LoadedState {
  readonly revision: number;
  readonly changes: readonly Change[];
}

/** Where the state is, and how it is read. */
export interface StateSource {
  readonly client: EtcdClient;
  readonly keys: EtcdKeys;
  readonly values: EtcdValues;
}

/** The state of some revisions ago, or the newest where that is compacted; the watch brings what came since. */
export async function loadState(source: StateSource): Promise<LoadedState> {
  const newest = await newestRevision(source.client, source.keys);
  try {
    return await stateAt(source, Math.max(1, newest - lookBack));
  } catch (error) {
    if (!(error instanceof StoreError) || error.code !== 'Compacted') throw error;
    return stateAt(source, newest);
  }
}

/** At least that of every write that was acknowledged before the call: the read goes through etcd's leader. */
export async function newestRevision(client: EtcdClient, keys: EtcdKeys): Promise<number> {
  const { key } = keys.whole;
  const { header } = await client.read((member, options) => member.kv.Range({ key, countOnly: true }, options));
  return Number(header?.revision);
}

async function stateAt({ client, keys, values }: StateSource, revision: number): Promise<LoadedState> {
  const { key: first, rangeEnd } = keys.whole;
  const changes: Change[] = [];
  for (let key = first; ; ) {
    const request = { key, rangeEnd, limit: String(page), revision: String(revision) };
    const { kvs, more } = await client.read((member, options) => member.kv.Range(request, options));
    for (const kv of kvs) {
      const known = keys.ours(kv.key);
      if (known === undefined) continue;
      const value = values.read(kv.value);
      changes.push({
        key: known,
        revision: Number(kv.modRevision),
        created: Number(kv.createRevision),
        value: value instanceof Uint8Array ? value : await value,
      });
    }
    const last = kvs.at(-1);
    if (!more || !last) return { revision, changes };
    key = new Uint8Array([...last.key, 0]);
  }
}
