import { GrpcConnection, loadEtcd } from '@berth/protos';
import type { EtcdEndpoint } from '../../orchestrator/src/store/etcd/etcd-endpoint.ts';
import type { Told } from './store-workload.ts';

/** Every change below a prefix that etcd has, as it tells it itself: what all watchers must have seen. */
export async function etcdHistory(endpoint: EtcdEndpoint, prefix: string): Promise<Told[]> {
  const { etcdKv, etcdWatch } = await loadEtcd();
  using connection = new GrpcConnection(endpoint.address);
  const key = new TextEncoder().encode(prefix);
  const rangeEnd = new TextEncoder().encode(prefix.replace(/\/$/, '0'));
  // The last of all tells where the history ends.
  const { header } = await connection.service(etcdKv).Put({ key: new TextEncoder().encode(`${prefix}~end`) });
  const end = Number(header?.revision);
  const told: Told[] = [];
  using stream = connection.service(etcdWatch).Watch();
  stream.write({ createRequest: { key, rangeEnd, startRevision: '1' } });
  for await (const { events, canceled } of stream) {
    if (canceled) throw new Error('etcd ended the watch');
    for (const { type, kv } of events) {
      const revision = Number(kv?.modRevision);
      const text = (bytes: Uint8Array | undefined) => new TextDecoder().decode(bytes);
      told.push({ key: text(kv?.key), revision, value: type === 'DELETE' ? undefined : text(kv?.value) });
      if (revision === end) return told;
    }
  }
  throw new Error('etcd ended the watch');
}
