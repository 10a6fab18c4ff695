import type { DatabaseSync } from 'node:sqlite';

/** Of tables and what is in them: a file of a higher one is of a Berth that is newer than this one. */
const formatVersion = 1;

/**
 * One row a write, in revision order; no value: the key was deleted. `created` is the revision that created the key.
 * Compaction removes rows that a later row of the same key made history.
 */
export const schema = `
  CREATE TABLE log (
    revision INTEGER PRIMARY KEY,
    key      TEXT NOT NULL,
    created  INTEGER NOT NULL,
    expires  INTEGER,
    value    BLOB
  ) STRICT;
  CREATE INDEX log_by_key ON log (key, revision);
  CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  INSERT INTO meta VALUES ('compacted', 0), ('target', 0);
  PRAGMA user_version = ${formatVersion};
`;

/** 'BRTH': tells our files from other SQLite databases. */
export const applicationId = 0x42525448;

/** Of a database that is open. @returns undefined where it is one of ours that can be read here. */
export function strangerIn(db: DatabaseSync): 'not of Berth' | 'of a newer Berth' | undefined {
  const pragma = (name: string) => Number(Object.values(db.prepare(`PRAGMA ${name}`).get() ?? {})[0]);
  if (pragma('application_id') !== applicationId) return 'not of Berth';
  return pragma('user_version') > formatVersion ? 'of a newer Berth' : undefined;
}

/**
 * Set on every open. EXCLUSIVE: the lock is held until the process ends, however it ends, and a second one is refused.
 * FULL: a commit is on disk when it returns. The write-ahead log is checkpointed every 4 MB and cut back to 16 MB.
 * secure_delete: what was compacted is overwritten, not only free, for secrets were in it; small rows cost nothing more by it.
 */
export const pragmas = [
  'PRAGMA locking_mode = EXCLUSIVE',
  'PRAGMA journal_mode = WAL',
  'PRAGMA synchronous = FULL',
  'PRAGMA wal_autocheckpoint = 1000',
  'PRAGMA journal_size_limit = 16777216',
  'PRAGMA secure_delete = ON',
  'PRAGMA cache_size = -8192',
  'PRAGMA foreign_keys = OFF',
] as const;
