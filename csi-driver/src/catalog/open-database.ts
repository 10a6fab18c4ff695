import { existsSync, readdirSync, rmSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { asCatalogError, CatalogError, damaged } from './catalog-error.ts';
import { reserveRoom } from './reserve-room.ts';

/** Raised with every change of the schema; the step that leads there is in `migrations`. */
const schemaVersion = 8;

/** A driver that is just ending still holds the catalog; its successor waits this long. */
const successorWaitMs = 3000;

export interface CatalogOptions {
  readonly path: string;
  /** Where volumes and snapshots are: an empty catalog beside them is a lost one, not a new one. */
  readonly volumesFolder: string;
  readonly furtherFolders?: readonly string[];
  readonly lockWaitMs?: number;
}

/** What makes each version out of the one before; a new catalog goes through all of them. */
const migrations: readonly string[] = [
  `CREATE TABLE volumes (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL UNIQUE,
    state TEXT NOT NULL CHECK (state IN ('creating', 'ready', 'deleting')),
    capacity_bytes INTEGER NOT NULL CHECK (capacity_bytes > 0),
    details TEXT NOT NULL,
    checksum INTEGER NOT NULL
  ) STRICT;`,
  `CREATE TABLE snapshots (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL UNIQUE,
    source_id TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('creating', 'ready', 'deleting')),
    size_bytes INTEGER NOT NULL CHECK (size_bytes > 0),
    details TEXT NOT NULL,
    checksum INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX snapshots_by_source ON snapshots (source_id, sequence);`,
  `CREATE TABLE snapshot_groups (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL UNIQUE,
    state TEXT NOT NULL CHECK (state IN ('creating', 'ready', 'deleting')),
    details TEXT NOT NULL,
    checksum INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE attachments (
    volume_id TEXT NOT NULL,
    node_id TEXT NOT NULL,
    details TEXT NOT NULL,
    checksum INTEGER NOT NULL,
    PRIMARY KEY (volume_id, node_id)
  ) STRICT;
  CREATE INDEX attachments_by_node ON attachments (node_id);`,
  `CREATE TABLE settled (one INTEGER PRIMARY KEY CHECK (one = 1), sequence INTEGER NOT NULL) STRICT;
  INSERT INTO settled SELECT 1, coalesce(max(sequence), 0) FROM volumes;`,
  `CREATE TABLE trashed (
    sequence INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('ready', 'deleting')),
    capacity_bytes INTEGER NOT NULL CHECK (capacity_bytes > 0),
    expires_at_ms INTEGER NOT NULL,
    details TEXT NOT NULL,
    checksum INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX trashed_by_expiry ON trashed (expires_at_ms);`,
  'CREATE TABLE upkeep (name TEXT PRIMARY KEY) STRICT;',
  `CREATE INDEX volumes_unfinished ON volumes (sequence) WHERE state <> 'ready';
  CREATE INDEX snapshots_unfinished ON snapshots (sequence) WHERE state <> 'ready';`,
  'CREATE TABLE pools (name TEXT PRIMARY KEY, id TEXT NOT NULL) STRICT;',
];

/**
 * Opens or makes the catalog's database, alone in having it open, and checks that it is whole.
 * @throws CatalogError
 */
export function openDatabase(options: CatalogOptions): DatabaseSync {
  const { path, lockWaitMs = successorWaitMs } = options;
  let database: DatabaseSync | undefined;
  const isNew = !existsSync(path);
  try {
    database = new DatabaseSync(path, { timeout: lockWaitMs });
    // Exclusive: no second driver, and WAL without a shared-memory file. FULL: what was answered survives a power cut.
    database.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;');
    // Writing over a used part of the write-ahead log costs the disk half of what lengthening it does: begin anew early.
    database.exec('PRAGMA wal_autocheckpoint = 128;');
    database.exec('BEGIN EXCLUSIVE; COMMIT;');
    prepare(database, options);
    reserveRoom(database);
    return database;
  } catch (error) {
    database?.close();
    // An empty file would look like a catalog the next time.
    if (isNew) for (const end of ['', '-wal', '-shm']) rmSync(`${path}${end}`, { force: true });
    throw asCatalogError(error, path);
  }
}

function prepare(database: DatabaseSync, { path, volumesFolder, furtherFolders = [] }: CatalogOptions): void {
  const version = Number(Object.values(database.prepare('PRAGMA user_version').get() ?? {})[0]);
  if (version > schemaVersion) {
    throw new CatalogError(
      'Newer',
      `the catalog ${path} was written by a newer csi-driver (schema ${version}); use that one`,
    );
  }
  const check = Object.values(database.prepare('PRAGMA quick_check(1)').get() ?? {})[0];
  if (check !== 'ok') throw damaged(path, String(check));
  if (version === schemaVersion) return;
  if (version === 0) refuseLost(path, [volumesFolder, ...furtherFolders]);
  const steps = migrations.slice(version).join('\n');
  database.exec(`BEGIN; ${steps} PRAGMA user_version = ${schemaVersion}; COMMIT;`);
}

function refuseLost(path: string, folders: readonly string[]): void {
  for (const folder of folders) {
    const volumes = existsSync(folder) ? readdirSync(folder).length : 0;
    if (volumes > 0) throw damaged(path, `it is empty or missing, but ${folder} holds ${volumes} volumes`);
  }
}
