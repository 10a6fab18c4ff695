import { StoreError } from './store-error.ts';

/** SQLITE_MISMATCH, which only a file that we do not read is told by here. */
export const strangerCode = 20;
/** SQLITE_NOTFOUND, which SQLite itself gives to nobody: a log is there without its file. */
export const loneLogCode = 12;

/** SQLITE_FORMAT, which SQLite does not use: the log is damaged, and has writes behind that. */
export const damagedLogCode = 24;

/** SQLite's primary result codes that mean something of their own here (sqlite.org/rescode.html). */
const codes: Readonly<Record<number, 'Locked' | 'Corrupt' | 'Full' | 'Foreign' | 'LoneLog' | 'DamagedLog'>> = {
  5: 'Locked',
  6: 'Locked',
  11: 'Corrupt',
  [loneLogCode]: 'LoneLog',
  13: 'Full',
  [strangerCode]: 'Foreign',
  [damagedLogCode]: 'DamagedLog',
  26: 'Corrupt',
};

/** What the worker sends when SQLite refuses; made a StoreError on the other side. */
export interface SqliteFailure {
  readonly errcode: number;
  readonly message: string;
}

export function sqliteFailure(error: unknown): SqliteFailure {
  const { errcode } = error as { errcode?: unknown };
  const text = error instanceof Error ? error.message : String(error);
  // A failed check is told in several lines, under a headline.
  const message = text.replace(/^\*\*\* in database main \*\*\*\s*/, '').replaceAll(/\s*\n\s*/g, ' ');
  return { errcode: typeof errcode === 'number' ? errcode : 0, message };
}

export function storeErrorOf(failure: SqliteFailure, file: string): StoreError {
  const code = codes[failure.errcode & 0xff] ?? 'Unusable';
  const detail = `SQLite ${failure.errcode}: ${failure.message}`;
  switch (code) {
    case 'Locked':
      return new StoreError('Locked', `store "${file}" is in use by another process; stop it first`, { detail });
    case 'Full':
      return new StoreError('Full', `store "${file}": no space left on the disk; free some, then try again`, {
        detail,
      });
    case 'Foreign':
      return new StoreError(
        'Unusable',
        `store "${file}": ${failure.message}; start the program that made it, or move it away to start empty`,
        { detail },
      );
    case 'LoneLog':
      return new StoreError(
        'Corrupt',
        `store "${file}": ${failure.message}: put it back, or move ${file}-wal away, too, to start empty`,
        { detail },
      );
    case 'DamagedLog':
      return new StoreError(
        'Corrupt',
        `store "${file}" is damaged (${failure.message}); restore it from a backup, or give up what was written from there on: sqlite3 '${file}' 'PRAGMA wal_checkpoint(TRUNCATE)'`,
        { detail },
      );
    case 'Unusable':
      return new StoreError(
        'Unusable',
        `store "${file}": ${failure.message}; see that its folder is there, writable and on a healthy disk`,
        { detail },
      );
    case 'Corrupt':
      return new StoreError(
        'Corrupt',
        `store "${file}" is damaged (${failure.message}); restore it from a backup, or move it away to start empty`,
        { detail },
      );
  }
}
