import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { asCatalogError } from './catalog-error.ts';
import { type Codec, encode } from './record-codec.ts';
import { type Connection, RecordTable } from './record-table.ts';
import { type VolumeRecord, volumeCodec } from './volume-record.ts';

/** A volume that was deleted and can be had back. `ready`: it can. `deleting`: its removal has begun. */
export interface TrashedRecord extends VolumeRecord {
  /** Milliseconds since 1970. */
  readonly trashedAtMs: number;
  readonly expiresAtMs: number;
}

export const trashedCodec: Codec<TrashedRecord> = {
  table: 'trashed',
  what: 'deleted volume',
  own: 'trashed',
  columns: {
    id: 'id',
    name: 'name',
    state: 'state',
    capacityBytes: 'capacity_bytes',
    expiresAtMs: 'expires_at_ms',
  },
  upgrades: [],
};

/** Volumes in the trash. Their data stays where it was: a volume goes in and comes out by one write to the catalog. */
export class TrashTable extends RecordTable<TrashedRecord> {
  readonly #put: StatementSync;
  readonly #takeOut: StatementSync;
  readonly #restore: StatementSync;
  readonly #remove: StatementSync;
  readonly #expired: StatementSync;
  readonly #next: StatementSync;

  constructor(connection: Connection) {
    super(connection, trashedCodec);
    const prepare = (sql: string) => connection.database.prepare(sql);
    this.#put = prepare(
      'INSERT INTO trashed (sequence, id, name, state, capacity_bytes, expires_at_ms, details, checksum) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
    );
    this.#takeOut = prepare('DELETE FROM volumes WHERE id = ?');
    this.#restore = prepare(
      'INSERT INTO volumes (sequence, id, name, state, capacity_bytes, details, checksum) VALUES (?, ?, ?, ?, ?, ?, ?)',
    );
    this.#remove = prepare('DELETE FROM trashed WHERE id = ?');
    this.#expired = prepare('SELECT * FROM trashed WHERE expires_at_ms <= ? ORDER BY expires_at_ms LIMIT ?');
    this.#next = prepare('SELECT min(expires_at_ms) AS at FROM trashed');
  }

  /** Sequences are those of the volumes. */
  override lastSequence(): number {
    const { database } = this.connection;
    return Number(database.prepare("SELECT seq FROM sqlite_sequence WHERE name = 'volumes'").get()?.['seq'] ?? 0);
  }

  /** Makes a volume a deleted one; its name is free then. */
  async put(volume: VolumeRecord, times: Pick<TrashedRecord, 'trashedAtMs' | 'expiresAtMs'>): Promise<TrashedRecord> {
    const trashed: TrashedRecord = { ...volume, ...times, state: 'ready' };
    await this.#together(() => {
      this.#put.run(volume.sequence, ...encode(trashedCodec, trashed));
      this.#takeOut.run(volume.id);
    });
    this.changed({ kind: 'trashed', record: trashed });
    return trashed;
  }

  /** Makes it a volume again. @throws CatalogError Failed – another volume has its name. */
  async restore({ trashedAtMs: _at, expiresAtMs: _until, ...volume }: TrashedRecord): Promise<VolumeRecord> {
    await this.#together(() => {
      this.#restore.run(volume.sequence, ...encode(volumeCodec, volume));
      this.#remove.run(volume.id);
    });
    this.changed({ kind: 'volume', record: volume });
    return volume;
  }

  /** Those whose time is over, the longest first. */
  expired(nowMs: number, limit: number): TrashedRecord[] {
    return this.read(() => this.#expired.all(nowMs, limit));
  }

  /** When the next one's time is over; undefined for an empty trash. */
  nextExpiry(): number | undefined {
    try {
      const at = this.#next.get()?.['at'];
      return typeof at === 'number' ? at : undefined;
    } catch (error) {
      throw asCatalogError(error, this.connection.path);
    }
  }

  /** Writes that share a transaction may fail each for itself: these fail together. */
  async #together(work: () => void): Promise<void> {
    const { database } = this.connection;
    await this.write(() => together(database, work));
  }
}

function together(database: DatabaseSync, work: () => void): void {
  database.exec('SAVEPOINT together');
  try {
    work();
    database.exec('RELEASE together');
  } catch (error) {
    if (database.isTransaction) database.exec('ROLLBACK TO together; RELEASE together');
    throw error;
  }
}
