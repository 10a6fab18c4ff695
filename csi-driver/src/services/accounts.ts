import type { Backend } from '../backend/backend.ts';
import type { Backends, Placement, Whereabouts } from '../backend/backends.ts';
import type { Claim, Commitment } from '../backend/pool-ledger.ts';
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

/** Counts a volume that is in the catalog. One in a pool this driver was not given counts nowhere. */
export function count(backends: Backends, record: Accounted): void {
  const { pool, backend } = backends.find(record) ?? {};
  if (pool && backend) pool.ledger.add(claimOf(backend, record));
}

/** Gives back what a volume had of its pool, once its record is gone. */
export function release(backends: Backends, record: Accounted): void {
  const { pool, backend } = backends.find(record) ?? {};
  if (pool && backend) pool.ledger.release(claimOf(backend, record));
}

/** Tells the pool what a volume takes on the disk by now. */
export function measure({ pool, backend }: Placement, id: string): void {
  const used = pool && backend.usedBytes?.(id);
  if (used !== undefined) pool?.ledger.measured(id, used);
}
