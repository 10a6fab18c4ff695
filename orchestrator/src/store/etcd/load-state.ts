import { type Change, KeySpace } from '../key-space.ts';
import { StoreError } from '../store-error.ts';
import { windowLimits } from '../window-limits.ts';
import type { EtcdClient } from './etcd-client.ts';
import type { EtcdKeys } from './etcd-keys.ts';
import { pagesOf } from './etcd-pages.ts';
import type { EtcdValues } from './etcd-values.ts';

/** History a start looks back on, so that watchers of another server, or of this one's last life, resume here. */
const lookBack = 1000;
/** Of an etcd that nobody has written to: there is nothing before it. */
const firstRevision = 1;

/** Where the state is, and how it is read. */
export interface StateSource {
  readonly client: EtcdClient;
  readonly keys: EtcdKeys;
  readonly values: EtcdValues;
}

/** The state of some revisions ago, or the newest where that is compacted; the watch brings what came since. */
export async function loadState(source: StateSource): Promise<KeySpace> {
  const newest = await newestRevision(source.client, source.keys);
  try {
    return await stateAt(source, Math.max(firstRevision, newest - lookBack));
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

async function stateAt({ client, keys, values }: StateSource, revision: number): Promise<KeySpace> {
  const space = new KeySpace({ limits: windowLimits, revision, start: revision === firstRevision ? 0 : revision });
  for await (const { kvs } of pagesOf(client, { ...keys.whole, revision })) {
    const changes: Change[] = [];
    for (const kv of kvs) {
      const key = keys.ours(kv.key);
      if (key === undefined) continue;
      const value = values.read(kv.value);
      changes.push({
        key,
        revision: Number(kv.modRevision),
        created: Number(kv.createRevision),
        value: value instanceof Uint8Array ? value : await value,
      });
    }
    space.load(changes);
  }
  return space;
}
