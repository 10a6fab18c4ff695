import { StoreError } from '../store-error.ts';
import type { EtcdMember } from './etcd-client.ts';

/** A start waits no longer for endpoints that are away. */
const timeoutMs = 500;

/** Two etcds by mistake would each have some of the writes. @throws StoreError Unusable – endpoints are of different clusters. */
export async function checkOneCluster(members: readonly EtcdMember[]): Promise<void> {
  const told = await Promise.all(
    members.map(async (member) => ({ url: member.url, cluster: await clusterOf(member) })),
  );
  const [first, ...others] = told.filter(({ cluster }) => cluster !== undefined);
  const other = others.find(({ cluster }) => cluster !== first?.cluster);
  if (first && other)
    throw new StoreError(
      'Unusable',
      `the etcd at ${first.url} (cluster ${first.cluster}) is another than that at ${other.url} (cluster ${other.cluster})`,
    );
}

/** As etcdctl shows it; undefined: nobody answered, which others will tell. */
async function clusterOf({ maintenance }: EtcdMember): Promise<string | undefined> {
  try {
    const { header } = await maintenance.Status({}, { timeoutMs });
    return header ? BigInt(header.clusterId).toString(16) : undefined;
  } catch {
    return undefined;
  }
}
