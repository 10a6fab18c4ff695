import type { StatementSync } from 'node:sqlite';
import { type Connection, RecordTable } from './record-table.ts';
import { type SnapshotRecord, snapshotCodec } from './snapshot-record.ts';

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
}
