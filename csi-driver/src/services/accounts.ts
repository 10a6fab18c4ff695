import type { Backend } from '../backend/backend.ts';
import type { Backends, Placement, Whereabouts } from '../backend/backends.ts';
import type { Claim, Commitment } from '../backend/pool-ledger.ts';
import type { Catalog } from '../catalog/catalog.ts';
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

/** Counts all volumes that are in the catalog. Those in a pool this driver was not given count nowhere. */
export function countAll(catalog: Catalog, backends: Backends): void {
  for (const { each, ...sum } of catalog.sums()) {
    const { pool, backend } = backends.find({ id: '', ...sum }) ?? {};
    if (!pool || !backend) continue;
    const commitment = commitmentOf(backend, sum.parameters);
    if (commitment === 'none') pool.ledger.add({ id: '', commitment, bytes: sum.capacityBytes });
    else for (const { id, capacityBytes: bytes } of each()) pool.ledger.add({ id, commitment, bytes });
  }
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
