import { createHash } from 'node:crypto';
import { isNfsError, type NfsClient } from '@berth/nfs-client';
import { namesIn, removeIfEmpty, removeMark, writeMark } from './nfs-paths.ts';
import { ownFolder } from './path-rules.ts';

/** Says that a volume made the directory, so that the last of its volumes may remove it. No volume has this id. */
const madeMark = '.made';
/** Others may take the last mark away between two of our steps; more often than this is no accident. */
const maxTries = 5;

export interface DirectoryUsers {
  readonly others: readonly string[];
  readonly made: boolean;
}

/**
 * Which volumes use a directory of a share, written down on the share itself: a template may lead two volumes, also of
 * two drivers, to one directory, or to one that somebody filled long before. Only what volumes made do they remove.
 */
export function usersFolder(subDir: string): string {
  // A name of its own length, whatever the path is.
  return `${ownFolder}/volumes/${createHash('sha256').update(subDir).digest('hex').slice(0, 32)}`;
}

/** Adds a volume; what was known of the directory before. */
export async function joinUsers(
  client: NfsClient,
  { id, subDir }: { readonly id: string; readonly subDir: string },
  signal: AbortSignal,
): Promise<DirectoryUsers> {
  const folder = usersFolder(subDir);
  for (let tries = 1; ; tries++) {
    try {
      await client.mkdir(folder, { recursive: true, mode: 0o700 }, signal);
      await writeMark(client, { path: `${folder}/${id}`, word: subDir }, signal);
      return await usersOf(client, { id, subDir }, signal);
    } catch (error) {
      if (!isNfsError(error, 'NOENT') || tries === maxTries) throw error;
    }
  }
}

/** Says that the volumes made the directory: before it is made, so that a crash leaves none without an owner. */
export async function claimMade(client: NfsClient, subDir: string, signal: AbortSignal): Promise<void> {
  await writeMark(client, { path: `${usersFolder(subDir)}/${madeMark}`, word: subDir }, signal);
}

/** Takes a volume out. @returns undefined where there is no trace of any: it never was, or all is done. */
export async function leaveUsers(
  client: NfsClient,
  { id, subDir }: { readonly id: string; readonly subDir: string },
  signal: AbortSignal,
): Promise<DirectoryUsers> {
  await removeMark(client, `${usersFolder(subDir)}/${id}`, signal);
  return await usersOf(client, { id, subDir }, signal);
}

/** Forgets a directory that has no users any more. */
export async function forgetDirectory(client: NfsClient, subDir: string, signal: AbortSignal): Promise<void> {
  const folder = usersFolder(subDir);
  await removeMark(client, `${folder}/${madeMark}`, signal);
  await removeIfEmpty(client, folder, signal);
}

async function usersOf(
  client: NfsClient,
  { id, subDir }: { readonly id: string; readonly subDir: string },
  signal: AbortSignal,
): Promise<DirectoryUsers> {
  const names = await namesIn(client, usersFolder(subDir), signal);
  return { others: names.filter((name) => name !== madeMark && name !== id), made: names.includes(madeMark) };
}
