import { grpcError } from '@berth/protos';
import type { Backend } from '../backend/backend.ts';
import type { Backends, Placement, Whereabouts } from '../backend/backends.ts';
import type { Claim, Commitment } from '../backend/pool-ledger.ts';
import type { Catalog } from '../catalog/catalog.ts';
import type { SnapshotRecord } from '../catalog/snapshot-record.ts';
import type { VolumeRecord } from '../catalog/volume-record.ts';

/** What of a record its pool counts. */
export type Accounted = Whereabouts & Pick<VolumeRecord, 'capacityBytes' | 'parameters'>;

/** What a pool owes volumes of this backend with these parameters. */
export function commitmentOf(backend: Backend, parameters: Readonly<Record<string, string>>): Commitment {
  return backend.commitment?.(parameters) ?? (backend.enforcesSize ? 'full' : 'none');
}

export function claimOf(backend: Backend, { id, capacityBytes, parameters }: Accounted): Claim {
  return { id, commitment: commitmentOf(backend, parameters), bytes: capacityBytes };
}

/** Counts all volumes and snapshots that are in the catalog. Those in a pool this driver was not given count nowhere. */
export function countAll(catalog: Catalog, backends: Backends): void {
  for (const { each, ...sum } of catalog.sums()) {
    const { pool, backend } = backends.find({ id: '', ...sum }) ?? {};
    if (!pool || !backend) continue;
    const commitment = commitmentOf(backend, sum.parameters);
    if (commitment === 'none') pool.ledger.add({ id: '', commitment, bytes: sum.capacityBytes });
    else for (const { id, capacityBytes: bytes } of each()) pool.ledger.add({ id, commitment, bytes });
  }
  for (const { sizeBytes, ...sum } of catalog.snapshots.poolSums()) {
    const { pool, backend } = backends.find({ id: '', ...sum }) ?? {};
    if (backend) pool?.ledger.addSnapshots(commitmentOf(backend, {}), sizeBytes);
  }
}

/** What a snapshot is counted as: its record does not say how its volume was made. */
type Snapshot = Whereabouts & Pick<SnapshotRecord, 'sizeBytes'>;

/** Takes the room of new snapshots in their pools, of all or of none. @throws GrpcError RESOURCE_EXHAUSTED – a pool's limit. */
export function reserveSnapshots(backends: Backends, snapshots: readonly Snapshot[]): void {
  for (const [index, snapshot] of snapshots.entries()) {
    const { pool, backend } = backends.find(snapshot) ?? {};
    const refusal = backend && pool?.ledger.reserveSnapshot(commitmentOf(backend, {}), snapshot.sizeBytes);
    if (!refusal) continue;
    for (const taken of snapshots.slice(0, index)) releaseSnapshot(backends, taken);
    const what = `a snapshot takes ${snapshot.sizeBytes} bytes; the pool "${pool?.name}" can give`;
    throw grpcError('RESOURCE_EXHAUSTED', `${what} ${refusal.availableBytes}: ${refusal.reason}`);
  }
}

/** Gives back what a snapshot had of its pool, once its record is gone. */
export function releaseSnapshot(backends: Backends, snapshot: Snapshot): void {
  const { pool, backend } = backends.find(snapshot) ?? {};
  if (backend) pool?.ledger.addSnapshots(commitmentOf(backend, {}), -snapshot.sizeBytes);
}

/** Gives back what a volume had of its pool, once its record is gone. */
export function release(backends: Backends, record: Accounted): void {
  const { pool, backend } = backends.find(record) ?? {};
  if (pool && backend) pool.ledger.release(claimOf(backend, record));
}

/** Tells the pool what a volume takes on the disk by now. */
export function measure({ pool, backend }: Placement, id: string): void {
  try {
    const used = pool && backend.usedBytes?.(id);
    if (used !== undefined) pool?.ledger.measured(id, used);
  } catch {
    // It counts as before; the next sample may tell.
  }
}
