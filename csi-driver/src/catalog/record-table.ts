import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { asCatalogError, CatalogError, damaged } from './catalog-error.ts';
import type { GroupCommit } from './group-commit.ts';
import type { OwnRecord } from './own-record.ts';
import { type Codec, decode, encode, isAsWritten, type Recorded, type Row } from './record-codec.ts';

/** The open database that the tables of a catalog share. */
export interface Connection {
  readonly path: string;
  readonly database: DatabaseSync;
  readonly commits: GroupCommit;
  /** Hears of every ready record that changed. */
  watch?: (own: OwnRecord) => void;
}

/** `id` and `name` come first and never change. */
const keyColumns = 2;
/** Records read at once when all of them are. */
const verifyPage = 500;
/** Decoding a record costs more than looking it up. */
const recentAtMost = 128;

/**
 * Records of one kind: durable before any promise resolves. Reads are synchronous and see what is committed.
 * @throws CatalogError – from every method, where the disk is full or the database damaged.
 */
export class RecordTable<R extends Recorded> {
  protected readonly connection: Connection;
  readonly #codec: Codec<R>;
  readonly #byId: StatementSync;
  readonly #byName: StatementSync;
  readonly #has: StatementSync;
  readonly #after: StatementSync;
  readonly #unfinished: StatementSync;
  readonly #insert: StatementSync;
  readonly #update: StatementSync;
  readonly #delete: StatementSync;
  readonly #recent = new Map<string, R>();
  #recentOf = 0;

  constructor(connection: Connection, codec: Codec<R>) {
    this.connection = connection;
    this.#codec = codec;
    const { table } = codec;
    const columns = [...Object.values(codec.columns as Readonly<Record<string, string>>), 'details', 'checksum'];
    const prepare = (sql: string) => connection.database.prepare(sql);
    this.#byId = prepare(`SELECT * FROM ${table} WHERE id = ?`);
    this.#has = prepare(`SELECT 1 FROM ${table} WHERE id = ?`);
    this.#byName = prepare(`SELECT * FROM ${table} WHERE name = ?`);
    this.#after = prepare(`SELECT * FROM ${table} WHERE sequence > ? ORDER BY sequence LIMIT ?`);
    this.#unfinished = prepare(`SELECT * FROM ${table} WHERE state <> 'ready' ORDER BY sequence`);
    const places = columns.map(() => '?').join(', ');
    this.#insert = prepare(`INSERT INTO ${table} (${columns.join(', ')}) VALUES (${places}) RETURNING sequence`);
    const changing = columns.slice(keyColumns).map((column) => `${column} = ?`);
    this.#update = prepare(`UPDATE ${table} SET ${changing.join(', ')} WHERE id = ?`);
    this.#delete = prepare(`DELETE FROM ${table} WHERE id = ?`);
  }

  /** What one is in its own record beside its data. */
  get kind(): OwnRecord['kind'] | undefined {
    return this.#codec.own;
  }

  find(id: string): R | undefined {
    const recent = this.#recentNow();
    const known = recent.get(id);
    if (known) return known;
    const found = this.read(() => [this.#byId.get(id)])[0];
    if (found) {
      if (recent.size >= recentAtMost) recent.clear();
      recent.set(id, found);
    }
    return found;
  }

  /** What was read since the last transaction: the steps of one call ask for the same record. */
  #recentNow(): Map<string, R> {
    const { count } = this.connection.commits;
    if (count !== this.#recentOf) this.#recent.clear();
    this.#recentOf = count;
    return this.#recent;
  }

  findByName(name: string): R | undefined {
    return this.read(() => [this.#byName.get(name)])[0];
  }

  /** Records whose sequence is above `sequence`, in order; all of them without a limit. */
  listAfter(sequence: number, limit = -1): R[] {
    return this.read(() => this.#after.all(sequence, limit));
  }

  has(id: string): boolean {
    try {
      return this.#has.get(id) !== undefined;
    } catch (error) {
      throw asCatalogError(error, this.connection.path);
    }
  }

  /** Those that are not ready: what a start has to end. */
  unfinished(): R[] {
    return this.read(() => this.#unfinished.all());
  }

  /** Reads every record once. @throws CatalogError Damaged – one of them is not what was written. */
  verify(): void {
    const { database, path } = this.connection;
    const columns = [...Object.values(this.#codec.columns as Readonly<Record<string, string>>), 'details', 'checksum'];
    const page = database.prepare(
      `SELECT ${columns.join(', ')}, sequence FROM ${this.#codec.table} WHERE sequence > ? ORDER BY sequence LIMIT ${verifyPage}`,
    );
    // Rows as arrays cost half of what objects do, and there may be a hundred thousand.
    page.setReturnArrays(true);
    try {
      for (let after = 0; ; ) {
        const rows = page.all(after) as unknown as unknown[][];
        for (const row of rows) {
          after = row.pop() as number;
          if (!isAsWritten(row)) throw damaged(path, this.#mismatch(String(row[0])));
        }
        if (rows.length < verifyPage) return;
      }
    } catch (error) {
      throw asCatalogError(error, path);
    }
  }

  /** The highest sequence ever given, also to records that are gone. */
  lastSequence(): number {
    const row = this.connection.database
      .prepare('SELECT seq FROM sqlite_sequence WHERE name = ?')
      .get(this.#codec.table);
    return Number(row?.['seq'] ?? 0);
  }

  /** How many records there are. */
  count(): number {
    return Number(this.connection.database.prepare(`SELECT count(*) AS n FROM ${this.#codec.table}`).get()?.['n'] ?? 0);
  }

  /** Writes down the intent to make something. */
  async begin(record: Omit<R, 'sequence' | 'state'>): Promise<R> {
    return await this.insert({ ...record, state: 'creating' } as unknown as Omit<R, 'sequence'>);
  }

  /** Takes in a record whose thing is there already: of a catalog that was lost. */
  async adopt(record: Omit<R, 'sequence' | 'state'>): Promise<R> {
    const { sequence: _sequence, ...fields } = record as R;
    return await this.insert({ ...fields, state: 'ready' } as unknown as Omit<R, 'sequence'>);
  }

  async update(record: R, change: Partial<Omit<R, 'sequence' | 'id' | 'name'>>): Promise<R> {
    const next: R = { ...record, ...change };
    const values = encode(this.#codec, next);
    await this.write(() => this.#update.run(...values.slice(keyColumns), record.id));
    const { own: kind } = this.#codec;
    if (kind && next.state === 'ready') this.changed({ kind, record: next } as unknown as OwnRecord);
    return next;
  }

  async remove(id: string): Promise<void> {
    await this.write(() => this.#delete.run(id));
  }

  /** `given` hears of the sequence inside the transaction. */
  protected async insert(record: Omit<R, 'sequence'>, given?: (sequence: number) => void): Promise<R> {
    const values = encode(this.#codec, record);
    const sequence = await this.write(() => {
      const next = Number(this.#insert.get(...values)?.['sequence']);
      given?.(next);
      return next;
    });
    return { ...record, sequence } as unknown as R;
  }

  protected changed(own: OwnRecord): void {
    this.connection.watch?.(own);
  }

  protected read(query: () => unknown[]): R[] {
    try {
      return (query() as (Row | undefined)[]).flatMap((row) => (row ? [this.#decode(row)] : []));
    } catch (error) {
      throw asCatalogError(error, this.connection.path);
    }
  }

  protected async write<T>(work: () => T): Promise<T> {
    try {
      return await this.connection.commits.run(work);
    } catch (error) {
      throw asCatalogError(error, this.connection.path);
    }
  }

  #mismatch(id: string): string {
    return `the record of ${this.#codec.what} "${id}" does not match its checksum`;
  }

  #decode(row: Row): R {
    const { path } = this.connection;
    const { what } = this.#codec;
    const record = decode(this.#codec, row);
    if (record === 'damaged') throw damaged(path, this.#mismatch(row.id));
    if (record !== 'newer') return record;
    throw new CatalogError(
      'Newer',
      `the record of ${what} "${row.id}" in ${path} was written by a newer csi-driver; use that one`,
    );
  }
}
