import { closeSync, existsSync, fsyncSync, openSync, renameSync, rmSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { hasWritesBehindDamage } from './damaged-log.ts';
import { damagedLogCode, loneLogCode, strangerCode } from './sqlite-error.ts';
import type { LogRow, PastKeys, ReadStep, WorkerAnswers, WrittenRow } from './sqlite-protocol.ts';
import { applicationId, pragmas, schema, strangerIn } from './sqlite-schema.ts';

/** The log of writes in one SQLite file. Synchronous: it lives in a thread of its own. */
export class SqliteLog {
  readonly #db: DatabaseSync;
  readonly #insert: StatementSync;

  private constructor(db: DatabaseSync) {
    this.#db = db;
    this.#insert = db.prepare('INSERT INTO log (revision, key, created, expires, value) VALUES (?, ?, ?, ?, ?)');
  }

  static open(file: string): SqliteLog {
    if (!existsSync(file)) {
      refuseLoneLog(file);
      createFile(file);
    }
    // A file of ours is never empty: it appears under its name only when it is complete.
    if (statSync(file).size === 0) throw Object.assign(new Error('the file is empty'), { errcode: 26 });
    // Before SQLite opens it, which writes what it takes for the whole log into the file, and the log is gone.
    if (hasWritesBehindDamage(`${file}-wal`))
      throw Object.assign(new Error('a page of its log, behind which there are writes'), { errcode: damagedLogCode });
    const db = new DatabaseSync(file, { timeout: 0 });
    try {
      for (const pragma of pragmas) db.exec(pragma);
      db.exec('BEGIN EXCLUSIVE; COMMIT');
      check(db);
      return new SqliteLog(db);
    } catch (error) {
      db.close();
      throw error;
    }
  }

  state(): WorkerAnswers['open'] {
    const meta = (name: string) =>
      (this.#db.prepare('SELECT value FROM meta WHERE name = ?').get(name) as { value: number }).value;
    const newest = this.#db.prepare('SELECT max(revision) AS revision FROM log').get() as { revision: number | null };
    const compacted = meta('compacted');
    // The newest row may be a deletion that compaction removed.
    return { revision: Math.max(newest.revision ?? 0, compacted), compacted, target: meta('target') };
  }

  /** Up to `limit` rows behind `after`, of which all but the last are less than `bytes`; none: there are no more. */
  load(after: number, { limit, bytes }: ReadStep): readonly LogRow[] {
    const select = this.#db.prepare('SELECT * FROM log WHERE revision > ? ORDER BY revision LIMIT ?');
    return upTo(bytes, select.iterate(after, limit));
  }

  commit(rows: readonly WrittenRow[]): void {
    this.#transaction(() => {
      for (const row of rows) this.#insert.run(...row);
      // Its page goes to the disk, also where it is as it was.
      if (rows.length === 0) this.#db.exec("UPDATE meta SET value = value WHERE name = 'target'");
    });
  }

  /** The rows of `prefix` at or after `start` as they stood at `revision`: so many as {@link load} gives. */
  range({ prefix, start, revision }: PastKeys, { limit, bytes }: ReadStep): readonly LogRow[] {
    const select = this.#db.prepare(`SELECT * ${pastRows} LIMIT ?`);
    return upTo(bytes, select.iterate(start, pastEnd(prefix), revision, limit));
  }

  /** How many rows {@link range} would give, of the first `limit`, and where it would go on. */
  count({ prefix, start, revision }: PastKeys, limit: number): WorkerAnswers['count'] {
    const select = this.#db.prepare(`SELECT count(*) AS count, max(key) AS last FROM (SELECT key ${pastRows} LIMIT ?)`);
    return select.get(start, pastEnd(prefix), revision, limit) as unknown as WorkerAnswers['count'];
  }

  /** One bounded step towards forgetting what was overwritten up to `target`; resumes where the last one ended. */
  compact(target: number, { limit, bytes }: ReadStep): number {
    return this.#transaction(() => {
      const { compacted } = this.state();
      const step = this.#db.prepare(
        `SELECT revision, key, value IS NULL AS deleted, (
          SELECT length(value) FROM log AS old WHERE key = log.key AND revision < log.revision ORDER BY revision DESC LIMIT 1
        ) AS freed FROM log WHERE revision > ? AND revision <= ? ORDER BY revision LIMIT ?`,
      );
      const found = step.all(compacted, target, limit) as unknown as CompactedRow[];
      const older = this.#db.prepare('DELETE FROM log WHERE key = ? AND revision < ?');
      const itself = this.#db.prepare('DELETE FROM log WHERE revision = ?');
      let reached = found.length < limit ? target : (found.at(-1)?.revision ?? target);
      let size = 0;
      for (const { revision, key, deleted, freed } of found) {
        older.run(key, revision);
        if (deleted) itself.run(revision);
        size += freed ?? 0;
        if (size < bytes) continue;
        reached = revision;
        break;
      }
      const set = this.#db.prepare('UPDATE meta SET value = max(value, ?) WHERE name = ?');
      set.run(reached, 'compacted');
      set.run(target, 'target');
      return reached;
    });
  }

  /** Gives a bounded number of free pages back to the file system. */
  shrink(): void {
    this.#db.exec('PRAGMA incremental_vacuum(256)');
  }

  /** Forgets the pages it has read; they are in the kernel's cache. */
  shrinkCache(): void {
    this.#db.exec('PRAGMA shrink_memory');
  }

  close(): void {
    this.#db.close();
  }

  #transaction<T>(run: () => T): T {
    this.#db.exec('BEGIN IMMEDIATE');
    try {
      const result = run();
      this.#db.exec('COMMIT');
      return result;
    } catch (error) {
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK');
      throw error;
    }
  }
}

/** SQLite would put what a log has, of whatever file, into the new one beside it. */
function refuseLoneLog(file: string): void {
  const size = statSync(`${file}-wal`, { throwIfNoEntry: false })?.size ?? 0;
  if (size > 0)
    throw Object.assign(new Error('the file is gone, and its newest writes are not'), { errcode: loneLogCode });
}

/** Makes the file whole under another name first, so that a crash never leaves an empty one under its own. Secrets will be in it: nobody else reads it. */
export function createFile(file: string): void {
  const temporary = `${file}.new`;
  const remove = () => {
    for (const suffix of ['', '-wal', '-journal']) rmSync(temporary + suffix, { force: true });
  };
  remove();
  closeSync(openSync(temporary, 'wx', 0o600));
  const db = new DatabaseSync(temporary);
  try {
    db.exec(`PRAGMA auto_vacuum = INCREMENTAL; PRAGMA application_id = ${applicationId}; ${schema}`);
  } catch (error) {
    // Nothing else would take away what a disk had no room for.
    db.close();
    remove();
    throw error;
  }
  db.close();
  renameSync(temporary, file);
  const directory = openSync(dirname(file), 'r');
  fsyncSync(directory);
  closeSync(directory);
}

interface CompactedRow {
  readonly revision: number;
  readonly key: string;
  readonly deleted: number;
  /** What the row made history of, in bytes; null: nothing, or a deletion. */
  readonly freed: number | null;
}

function check(db: DatabaseSync): void {
  const stranger = strangerIn(db);
  if (stranger) throw Object.assign(new Error(`it is ${stranger}`), { errcode: strangerCode });
  const result = db.prepare('PRAGMA quick_check(1)').get() as { quick_check: string };
  if (result.quick_check !== 'ok') throw Object.assign(new Error(result.quick_check), { errcode: 11 });
}

/** In the order of its index: a step reads no more than it gives. */
const pastRows = `FROM log AS row WHERE key >= ? AND key < ?
  AND revision = (SELECT max(revision) FROM log WHERE key = row.key AND revision <= ?) AND value IS NOT NULL ORDER BY key`;

/** Behind every key of a prefix, in the order of UTF-8. */
function pastEnd(prefix: string): string {
  return `${prefix}\u{10ffff}`;
}

function upTo(bytes: number, rows: Iterable<unknown>): readonly LogRow[] {
  const found: LogRow[] = [];
  let size = 0;
  for (const row of rows as Iterable<LogRow>) {
    found.push(row);
    size += row.value?.byteLength ?? 0;
    if (size >= bytes) break;
  }
  return found;
}
