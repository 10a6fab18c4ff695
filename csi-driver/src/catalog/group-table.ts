import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { asCatalogError, damaged } from './catalog-error.ts';
import type { GroupCommit } from './group-commit.ts';
import {
  type GroupRecord,
  type GroupRow,
  groupChecksum,
  groupContent,
  groupOf,
  type NewGroup,
} from './group-record.ts';

/**
 * Which group snapshots exist: durable before any promise resolves. Reads are synchronous and see what is committed.
 * @throws CatalogError – from every method, where the disk is full or the database damaged.
 */
export class GroupTable {
  readonly #path: string;
  readonly #commits: GroupCommit;
  readonly #byId: StatementSync;
  readonly #byName: StatementSync;
  readonly #all: StatementSync;
  readonly #insert: StatementSync;
  readonly #update: StatementSync;
  readonly #delete: StatementSync;

  constructor(database: DatabaseSync, commits: GroupCommit, path: string) {
    this.#path = path;
    this.#commits = commits;
    const prepare = (sql: string) => database.prepare(sql);
    this.#byId = prepare('SELECT * FROM snapshot_groups WHERE id = ?');
    this.#byName = prepare('SELECT * FROM snapshot_groups WHERE name = ?');
    this.#all = prepare('SELECT * FROM snapshot_groups ORDER BY sequence');
    this.#insert = prepare(
      'INSERT INTO snapshot_groups (id, name, state, details, checksum) VALUES (?, ?, ?, ?, ?) RETURNING sequence',
    );
    this.#update = prepare('UPDATE snapshot_groups SET state = ?, details = ?, checksum = ? WHERE id = ?');
    this.#delete = prepare('DELETE FROM snapshot_groups WHERE id = ?');
  }

  find(id: string): GroupRecord | undefined {
    return this.#read(() => [this.#byId.get(id)])[0];
  }

  findByName(name: string): GroupRecord | undefined {
    return this.#read(() => [this.#byName.get(name)])[0];
  }

  list(): GroupRecord[] {
    return this.#read(() => this.#all.all());
  }

  /** Writes down the intent to take a group snapshot. */
  async begin(group: NewGroup): Promise<GroupRecord> {
    const row = groupContent({ ...group, state: 'creating' });
    const values = [row.id, row.name, row.state, row.details] as const;
    const inserted = await this.#write(() => this.#insert.get(...values, groupChecksum(row)));
    return { ...group, state: 'creating', sequence: Number(inserted?.['sequence']) };
  }

  async update(group: GroupRecord, change: Partial<Pick<GroupRecord, 'state' | 'createdAtMs'>>): Promise<GroupRecord> {
    const next = { ...group, ...change };
    const row = groupContent(next);
    await this.#write(() => this.#update.run(row.state, row.details, groupChecksum(row), row.id));
    return next;
  }

  async remove(id: string): Promise<void> {
    await this.#write(() => this.#delete.run(id));
  }

  #read(query: () => unknown[]): GroupRecord[] {
    try {
      return (query() as (GroupRow | undefined)[]).flatMap((row) => (row ? [this.#decode(row)] : []));
    } catch (error) {
      throw asCatalogError(error, this.#path);
    }
  }

  #decode(row: GroupRow): GroupRecord {
    const record = groupOf(row);
    if (!record) throw damaged(this.#path, `the record of group snapshot "${row.id}" does not match its checksum`);
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
