import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { asCatalogError, damaged } from './catalog-error.ts';
import type { GroupCommit } from './group-commit.ts';
import {
  type NewSnapshot,
  type SnapshotRecord,
  type SnapshotRow,
  snapshotChecksum,
  snapshotContent,
  snapshotOf,
} from './snapshot-record.ts';

/**
 * Which snapshots exist: durable before any promise resolves. Reads are synchronous and see what is committed.
 * @throws CatalogError – from every method, where the disk is full or the database damaged.
 */
export class SnapshotTable {
  readonly #path: string;
  readonly #database: DatabaseSync;
  readonly #commits: GroupCommit;
  readonly #byId: StatementSync;
  readonly #byName: StatementSync;
  readonly #after: StatementSync;
  readonly #ofSource: StatementSync;
  readonly #insert: StatementSync;
  readonly #update: StatementSync;
  readonly #delete: StatementSync;

  constructor(database: DatabaseSync, commits: GroupCommit, path: string) {
    this.#path = path;
    this.#database = database;
    this.#commits = commits;
    const prepare = (sql: string) => database.prepare(sql);
    this.#byId = prepare('SELECT * FROM snapshots WHERE id = ?');
    this.#byName = prepare('SELECT * FROM snapshots WHERE name = ?');
    this.#after = prepare('SELECT * FROM snapshots WHERE sequence > ? ORDER BY sequence LIMIT ?');
    this.#ofSource = prepare('SELECT * FROM snapshots WHERE source_id = ? AND sequence > ? ORDER BY sequence LIMIT ?');
    this.#insert = prepare(
      'INSERT INTO snapshots (id, name, source_id, state, size_bytes, details, checksum) VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING sequence',
    );
    this.#update = prepare('UPDATE snapshots SET state = ?, details = ?, checksum = ? WHERE id = ?');
    this.#delete = prepare('DELETE FROM snapshots WHERE id = ?');
  }

  find(id: string): SnapshotRecord | undefined {
    return this.#read(() => [this.#byId.get(id)])[0];
  }

  findByName(name: string): SnapshotRecord | undefined {
    return this.#read(() => [this.#byName.get(name)])[0];
  }

  /** Snapshots whose sequence is above `sequence`, in order; all of them without a limit. */
  listAfter(sequence: number, limit = -1): SnapshotRecord[] {
    return this.#read(() => this.#after.all(sequence, limit));
  }

  /** The same, of one volume; also of one that is gone. */
  listOfVolume(volumeId: string, sequence: number, limit = -1): SnapshotRecord[] {
    return this.#read(() => this.#ofSource.all(volumeId, sequence, limit));
  }

  /** The highest sequence ever given, also to snapshots that are gone. */
  lastSequence(): number {
    const row = this.#database.prepare("SELECT seq FROM sqlite_sequence WHERE name = 'snapshots'").get();
    return Number(row?.['seq'] ?? 0);
  }

  /** Writes down the intent to make a snapshot. */
  async begin(snapshot: NewSnapshot): Promise<SnapshotRecord> {
    const row = snapshotContent({ ...snapshot, state: 'creating' });
    const values = [row.id, row.name, row.source_id, row.state, row.size_bytes, row.details] as const;
    const inserted = await this.#write(() => this.#insert.get(...values, snapshotChecksum(row)));
    return { ...snapshot, state: 'creating', sequence: Number(inserted?.['sequence']) };
  }

  async update(
    snapshot: SnapshotRecord,
    change: Partial<Pick<SnapshotRecord, 'state' | 'createdAtMs' | 'copiedBy'>>,
  ): Promise<SnapshotRecord> {
    const next = { ...snapshot, ...change };
    const row = snapshotContent(next);
    await this.#write(() => this.#update.run(row.state, row.details, snapshotChecksum(row), row.id));
    return next;
  }

  async remove(id: string): Promise<void> {
    await this.#write(() => this.#delete.run(id));
  }

  #read(query: () => unknown[]): SnapshotRecord[] {
    try {
      return (query() as (SnapshotRow | undefined)[]).flatMap((row) => (row ? [this.#decode(row)] : []));
    } catch (error) {
      throw asCatalogError(error, this.#path);
    }
  }

  #decode(row: SnapshotRow): SnapshotRecord {
    const record = snapshotOf(row);
    if (!record) throw damaged(this.#path, `the record of snapshot "${row.id}" does not match its checksum`);
    return record;
  }

  async #write<T>(work: () => T): Promise<T> {
    try {
      return await this.#commits.run(work);
    } catch (error) {
      throw asCatalogError(error, this.#path);
    }
  }
}
