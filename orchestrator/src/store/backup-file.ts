import { open } from 'node:fs/promises';
import { DatabaseSync } from 'node:sqlite';
import { decodeBackup } from './backup-stream.ts';
import { createFile } from './sqlite-log.ts';

/**
 * Makes a store of a backup that comes in. The file counts once this resolves, and is on the disk then.
 * @throws StoreError Corrupt – the backup broke off.
 */
export async function writeBackup(chunks: AsyncIterable<Uint8Array>, file: string): Promise<void> {
  createFile(file);
  const db = new DatabaseSync(file);
  try {
    // A journal on the disk would stay there where it is full, and be taken for the next file's.
    db.exec('PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF; BEGIN');
    const insert = db.prepare('INSERT INTO log (revision, key, created, expires, value) VALUES (?, ?, ?, ?, ?)');
    const { compacted } = await decodeBackup(chunks, ({ revision, key, created, expires, value }) => {
      insert.run(revision, key, created, expires, value);
    });
    db.prepare('UPDATE meta SET value = ?').run(compacted);
    db.exec('COMMIT');
  } finally {
    db.close();
  }
  await using written = await open(file, 'r');
  await written.sync();
}
