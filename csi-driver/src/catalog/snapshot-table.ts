import type { StatementSync } from 'node:sqlite';
import { type Connection, RecordTable } from './record-table.ts';
import { type SnapshotRecord, snapshotCodec } from './snapshot-record.ts';

/** Snapshots that are in one pool, kept by one backend. */
export interface SnapshotSum extends Pick<SnapshotRecord, 'backend'> {
  readonly pool?: string;
  /** What they have together. */
  readonly sizeBytes: number;
}

/** Which snapshots exist. */
export class SnapshotTable extends RecordTable<SnapshotRecord> {
  readonly #ofSource: StatementSync;

  constructor(connection: Connection) {
    super(connection, snapshotCodec);
    this.#ofSource = connection.database.prepare(
      'SELECT * FROM snapshots WHERE source_id = ? AND sequence > ? ORDER BY sequence LIMIT ?',
    );
  }

  /** Those of one volume, also of one that is gone; in order, all of them without a limit. */
  listOfVolume(volumeId: string, sequence: number, limit = -1): SnapshotRecord[] {
    return this.read(() => this.#ofSource.all(volumeId, sequence, limit));
  }

  /** Made by SQLite: a start does not decode each record for them. */
  poolSums(): SnapshotSum[] {
    const fields = ['backend', 'pool'].map((field) => `json_extract(details, '$.${field}')`).join(', ');
    const sums = this.connection.database.prepare(`SELECT ${fields}, sum(size_bytes) FROM snapshots GROUP BY 1, 2`);
    sums.setReturnArrays(true);
    return (sums.all() as unknown as [string, string | null, number][]).map(([backend, pool, sizeBytes]) => ({
      backend,
      ...(pool === null ? {} : { pool }),
      sizeBytes,
    }));
  }
}
