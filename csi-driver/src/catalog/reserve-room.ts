import type { DatabaseSync } from 'node:sqlite';

/** A little more than the write-ahead log grows to before it begins anew (`wal_autocheckpoint`), in bytes. */
const roomBytes = 132 * 4096;

const sqliteFull = 13;

/**
 * Makes the write-ahead log and the database as large as they get in daily use, so that on a full disk what makes room,
 * a deletion, can still be written down. A disk that is full already has none to take: the driver starts all the same.
 */
export function reserveRoom(database: DatabaseSync): void {
  try {
    database.exec('DROP TABLE IF EXISTS room;');
    // Two transactions: pages that one of them takes and gives back never reach the log.
    database.exec(`BEGIN; CREATE TABLE room (filling BLOB); INSERT INTO room VALUES (zeroblob(${roomBytes})); COMMIT;`);
    database.exec('DROP TABLE room;');
  } catch (error) {
    if (database.isTransaction) database.exec('ROLLBACK');
    if ((error as { errcode?: number }).errcode !== sqliteFull) throw error;
  }
}
