import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { AttachmentTable } from './attachment-table.ts';
import { asCatalogError, damaged } from './catalog-error.ts';
import { GroupCommit } from './group-commit.ts';
import { GroupTable } from './group-table.ts';
import { type CatalogOptions, openDatabase } from './open-database.ts';
import { SnapshotTable } from './snapshot-table.ts';
import { checksumOf, contentOf, type NewVolume, recordOf, type VolumeRecord, type VolumeRow } from './volume-record.ts';

/**
 * Which volumes exist: durable before any promise resolves. Reads are synchronous and see what is committed.
 * @throws CatalogError – from every method, where the disk is full or the database damaged.
 */
export class Catalog implements Disposable {
  /** Which snapshots exist, in the same file. */
  readonly snapshots: SnapshotTable;
  /** Which snapshots belong together. */
  readonly groups: GroupTable;
  /** Where volumes are published to by the controller. */
  readonly attachments: AttachmentTable;
  readonly #path: string;
  readonly #database: DatabaseSync;
  readonly #commits: GroupCommit;
  readonly #byId: StatementSync;
  readonly #byName: StatementSync;
  readonly #after: StatementSync;
  readonly #insert: StatementSync;
  readonly #update: StatementSync;
  readonly #delete: StatementSync;

  /** Opens the catalog and reads every record once: a damaged one is found now, not in the middle of a call. */
  constructor(options: CatalogOptions) {
    this.#path = options.path;
    this.#database = openDatabase(options);
    this.#commits = new GroupCommit(this.#database);
    const prepare = (sql: string) => this.#database.prepare(sql);
    this.#byId = prepare('SELECT * FROM volumes WHERE id = ?');
    this.#byName = prepare('SELECT * FROM volumes WHERE name = ?');
    this.#after = prepare('SELECT * FROM volumes WHERE sequence > ? ORDER BY sequence LIMIT ?');
    this.#insert = prepare(
      'INSERT INTO volumes (id, name, state, capacity_bytes, details, checksum) VALUES (?, ?, ?, ?, ?, ?) RETURNING sequence',
    );
    this.#update = prepare('UPDATE volumes SET state = ?, capacity_bytes = ?, details = ?, checksum = ? WHERE id = ?');
    this.#delete = prepare('DELETE FROM volumes WHERE id = ?');
    this.snapshots = new SnapshotTable(this.#database, this.#commits, this.#path);
    this.groups = new GroupTable(this.#database, this.#commits, this.#path);
    this.attachments = new AttachmentTable(this.#database, this.#commits, this.#path);
    try {
      this.listAfter(0);
      this.snapshots.listAfter(0);
      this.groups.list();
      this.attachments.list();
    } catch (error) {
      this.#database.close();
      throw error;
    }
  }

  find(id: string): VolumeRecord | undefined {
    return this.#read(() => this.#byId.get(id) as VolumeRow | undefined);
  }

  findByName(name: string): VolumeRecord | undefined {
    return this.#read(() => this.#byName.get(name) as VolumeRow | undefined);
  }

  /** Volumes whose sequence is above `sequence`, in order; all of them without a limit. */
  listAfter(sequence: number, limit = -1): VolumeRecord[] {
    try {
      return this.#after.all(sequence, limit).map((row) => this.#decode(row as unknown as VolumeRow));
    } catch (error) {
      throw asCatalogError(error, this.#path);
    }
  }

  /** The highest sequence ever given, also to volumes that are gone. */
  lastSequence(): number {
    const row = this.#database.prepare("SELECT seq FROM sqlite_sequence WHERE name = 'volumes'").get();
    return Number(row?.['seq'] ?? 0);
  }

  /** Writes down the intent to make a volume. */
  async begin(volume: NewVolume): Promise<VolumeRecord> {
    const content = contentOf({ ...volume, state: 'creating' });
    const values = [content.id, content.name, content.state, content.capacity_bytes, content.details] as const;
    const row = await this.#write(() => this.#insert.get(...values, checksumOf(content)));
    return { ...volume, state: 'creating', sequence: Number(row?.['sequence']) };
  }

  async update(
    volume: VolumeRecord,
    change: Partial<Pick<VolumeRecord, 'state' | 'capacityBytes' | 'context'>>,
  ): Promise<VolumeRecord> {
    const next = { ...volume, ...change };
    const content = contentOf(next);
    const values = [content.state, content.capacity_bytes, content.details, checksumOf(content), content.id] as const;
    await this.#write(() => this.#update.run(...values));
    return next;
  }

  async remove(id: string): Promise<void> {
    await this.#write(() => this.#delete.run(id));
  }

  [Symbol.dispose](): void {
    this.#database.close();
  }

  #read(query: () => VolumeRow | undefined): VolumeRecord | undefined {
    try {
      const row = query();
      return row && this.#decode(row);
    } catch (error) {
      throw asCatalogError(error, this.#path);
    }
  }

  #decode(row: VolumeRow): VolumeRecord {
    const record = recordOf(row);
    if (!record) throw damaged(this.#path, `the record of volume "${row.id}" does not match its checksum`);
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
