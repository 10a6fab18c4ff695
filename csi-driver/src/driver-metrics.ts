import type { Metrics } from '@berth/kit';
import { type GrpcCode, goCodeName } from '@berth/protos';
import type { Backends } from './backend/backends.ts';
import type { Pool } from './backend/pool.ts';
import type { Catalog } from './catalog/catalog.ts';

/** Hears how each call ended: the method as it is on the wire (`/csi.v1.Node/NodePublishVolume`), its code, its seconds. */
export type ObserveCall = (method: string, code: GrpcCode, seconds: number) => void;

const operations = {
  name: 'csi_plugin_operations_seconds',
  help: '[ALPHA] Container Storage Interface operation duration with gRPC error code status total',
  // The buckets of csi-lib-utils, which dashboards are built on.
  bounds: [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15, 25, 50, 120, 300, 600],
};

/** What the driver tells besides its calls: how many volumes it has, and what is left in its pools. */
export function observeDriver(
  metrics: Metrics,
  {
    driverName,
    catalog,
    backends,
  }: { readonly driverName: string; readonly catalog: Catalog; readonly backends: Backends },
): ObserveCall {
  const labels = { driver_name: driverName };
  metrics.gauge('berth_csi_volumes', 'Volumes in the catalog.', () => [[labels, catalog.count()]]);
  metrics.gauge('berth_csi_snapshots', 'Snapshots in the catalog.', () => [[labels, catalog.snapshots.count()]]);
  const ofPools = (read: (pool: Pool) => number) => () =>
    backends.pools.flatMap((pool) =>
      valueIn(pool, read).map((value) => [{ ...labels, pool: pool.name }, value] as const),
    );
  metrics.gauge(
    'berth_csi_pool_available_bytes',
    'Bytes a new volume without a promise could get.',
    ofPools(({ ledger }) => ledger.available('none')),
  );
  metrics.gauge(
    'berth_csi_pool_free_bytes',
    'Bytes free on the filesystem below the pool.',
    ofPools(({ disk }) => disk.freeBytes),
  );
  return (method_name, code, seconds) =>
    metrics.observe(operations, { ...labels, method_name, grpc_status_code: goCodeName(code) }, seconds);
}

/** Of a pool whose disk is gone, or answers errors, nothing is told: what is below its path is not its. */
function valueIn(pool: Pool, read: (pool: Pool) => number): number[] {
  try {
    return pool.isThere() ? [read(pool)] : [];
  } catch {
    return [];
  }
}
