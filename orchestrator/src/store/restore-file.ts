import { existsSync } from 'node:fs';
import { chmod, copyFile, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { messageOf, syncDirectory } from '@berth/kit';
import { sqliteFailure, storeErrorOf } from './sqlite-error.ts';
import { strangerIn } from './sqlite-schema.ts';
import { StoreError } from './store-error.ts';

/**
 * No revision that a client may have seen since the backup comes again with other content: revisions go on far above it,
 * and what was before is compacted, so that watchers begin anew (what etcd's --bump-revision --mark-compacted do).
 */
const revisionGap = 1_000_000_000;

/**
 * Puts a backup in the place of a store that nobody has open; the one before stays beside it as `.before-restore`.
 * @throws StoreError Corrupt – the file is no whole backup of ours; Full – the disk has no room for it; nothing was changed.
 */
export async function restoreFile(backup: string, store: string): Promise<void> {
  const fresh = `${store}.restored`;
  await removeAll(fresh);
  try {
    await copyFile(backup, fresh);
    // Whoever may read the backup, the store is nobody else's.
    await chmod(fresh, 0o600);
    // A store that a crash ended, such as one that was put aside, has its newest writes beside it.
    await copyFile(`${backup}-wal`, `${fresh}-wal`).catch(ifAbsent);
    moveRevisions(fresh, backup);
    await using file = await open(fresh, 'r');
    await file.sync();
  } catch (error) {
    await removeAll(fresh);
    throw error;
  }
  const aside = `${store}.before-restore`;
  // Where it is not there, a restore that was killed has put it aside already.
  if (existsSync(store)) await removeAll(aside);
  // What a crash left of the old one must not be read into the new one.
  for (const end of ends) await rename(store + end, aside + end).catch(ifAbsent);
  await rename(fresh, store);
  await syncDirectory(dirname(store));
}

/** A database is a file, and what a crash left beside it. */
const ends = ['', '-wal', '-shm', '-journal'];

async function removeAll(file: string): Promise<void> {
  for (const end of ends) await rm(file + end, { force: true });
}

function moveRevisions(file: string, backup: string): void {
  const damaged = (why: string) => new StoreError('Corrupt', `${backup} is no backup that can be restored: ${why}`);
  let db: DatabaseSync | undefined;
  try {
    db = new DatabaseSync(file);
    const stranger = strangerIn(db);
    if (stranger) throw damaged(`it is ${stranger}`);
    const { integrity_check: result } = db.prepare('PRAGMA integrity_check(1)').get() as { integrity_check: string };
    if (result !== 'ok') throw damaged(result);
    // History is of no use past the gap.
    db.exec('DELETE FROM log WHERE revision NOT IN (SELECT max(revision) FROM log GROUP BY key)');
    const { newest } = db.prepare('SELECT max(revision) AS newest FROM log').get() as { newest: number | null };
    const set = db.prepare('UPDATE meta SET value = max(value, ?) + ?');
    set.run(newest ?? 0, revisionGap);
    db.exec('DELETE FROM log WHERE value IS NULL');
    // The file goes in place without its log: all has to be in it. SQLite says nothing where closing does not bring that about.
    db.exec('PRAGMA journal_mode = DELETE');
  } catch (error) {
    if (error instanceof StoreError) throw error;
    const failed = storeErrorOf(sqliteFailure(error), file);
    throw failed.code === 'Full' ? failed : damaged(messageOf(error));
  } finally {
    db?.close();
  }
}

function ifAbsent(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error;
}
