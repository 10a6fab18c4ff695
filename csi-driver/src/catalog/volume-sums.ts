import type { DatabaseSync } from 'node:sqlite';
import type { VolumeRecord } from './volume-record.ts';

/** Volumes that are alike in all that their pool asks: as many as there are classes. */
export interface VolumeSum extends Pick<VolumeRecord, 'backend' | 'parameters'> {
  readonly pool?: string;
  /** What they have together. */
  readonly capacityBytes: number;
  /** Each of them; read when it is asked for. */
  readonly each: () => Iterable<{ readonly id: string; readonly capacityBytes: number }>;
}

const alike = ['backend', 'pool', 'parameters'].map((field) => `json_extract(details, '$.${field}')`);

/** Sums of the volumes, also of those in the trash, made by SQLite: a start does not decode each record for them. */
export function volumeSums(database: DatabaseSync): VolumeSum[] {
  return ['volumes', 'trashed'].flatMap((table) => {
    const sums = database.prepare(
      `SELECT ${alike.join(', ')}, sum(capacity_bytes) FROM ${table} GROUP BY ${alike.map((_, index) => index + 1).join(', ')}`,
    );
    const members = database.prepare(
      `SELECT id, capacity_bytes FROM ${table} WHERE ${alike.map((field) => `${field} IS ?`).join(' AND ')}`,
    );
    sums.setReturnArrays(true);
    members.setReturnArrays(true);
    return (sums.all() as unknown as [string, string | null, string, number][]).map(
      ([backend, pool, parameters, capacityBytes]): VolumeSum => ({
        backend,
        ...(pool === null ? {} : { pool }),
        parameters: JSON.parse(parameters) as VolumeRecord['parameters'],
        capacityBytes,
        each: function* () {
          for (const row of members.iterate(backend, pool, parameters)) {
            const [id, bytes] = row as unknown as [string, number];
            yield { id, capacityBytes: bytes };
          }
        },
      }),
    );
  });
}
