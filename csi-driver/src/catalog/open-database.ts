import { existsSync, readdirSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { asCatalogError, CatalogError, damaged } from './catalog-error.ts';

/** Raised with every change of the schema; a migration goes beside it. */
const schemaVersion = 1;

/** A driver that is just ending still holds the catalog; its successor waits this long. */
const successorWaitMs = 3000;

export interface CatalogOptions {
  readonly path: string;
  /** Where the volumes are: an empty catalog beside volumes is a lost one, not a new one. */
  readonly volumesFolder: string;
  readonly lockWaitMs?: number;
}

const schema = `
  CREATE TABLE volumes (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL UNIQUE,
    state TEXT NOT NULL CHECK (state IN ('creating', 'ready', 'deleting')),
    capacity_bytes INTEGER NOT NULL CHECK (capacity_bytes > 0),
    details TEXT NOT NULL,
    checksum INTEGER NOT NULL
  ) STRICT;
  PRAGMA user_version = ${schemaVersion};
`;

/**
 * Opens or makes the catalog's database, alone in having it open, and checks that it is whole.
 * @throws CatalogError
 */
export function openDatabase({ path, volumesFolder, lockWaitMs = successorWaitMs }: CatalogOptions): DatabaseSync {
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(path, { timeout: lockWaitMs });
    // Exclusive: no second driver, and WAL without a shared-memory file. FULL: what was answered survives a power cut.
    database.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;');
    database.exec('BEGIN EXCLUSIVE; COMMIT;');
    prepare(database, path, volumesFolder);
    return database;
  } catch (error) {
    database?.close();
    throw asCatalogError(error, path);
  }
}

function prepare(database: DatabaseSync, path: string, volumesFolder: string): void {
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
  const volumes = existsSync(volumesFolder) ? readdirSync(volumesFolder).length : 0;
  if (volumes > 0) throw damaged(path, `it is empty or missing, but ${volumesFolder} holds ${volumes} volumes`);
  database.exec(`BEGIN; ${schema} COMMIT;`);
}
