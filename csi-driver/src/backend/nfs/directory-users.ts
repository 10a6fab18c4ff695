import { createHash } from 'node:crypto';
import { isNfsError, type NfsClient } from '@berth/nfs-client';
import { grpcError } from '@berth/protos';
import type { OnDelete } from './nfs-parameters.ts';
import { namesIn, removeIfEmpty, removeMark, writeMark } from './nfs-paths.ts';
import { ownFolder } from './path-rules.ts';

/** Says that a volume made the directory, so that the last of its volumes may remove it. No volume has this id. */
const madeMark = '.made';
/** Says that a volume that is gone wanted its data archived, which others used then. */
const archiveMark = '.archive';
/** Others may take the last mark away between two of our steps; more often than this is no accident. */
const maxTries = 5;

export interface DirectoryUsers {
  readonly others: readonly string[];
  readonly made: boolean;
  readonly archive: boolean;
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

/** Takes a volume out. What its class promised of the data holds when the last goes too, whose class may say otherwise. */
export async function leaveUsers(
  client: NfsClient,
  { id, subDir, onDelete }: { readonly id: string; readonly subDir: string; readonly onDelete: OnDelete },
  signal: AbortSignal,
): Promise<DirectoryUsers> {
  const folder = usersFolder(subDir);
  if (onDelete === 'retain') await removeMark(client, `${folder}/${madeMark}`, signal);
  if (onDelete === 'archive') await markForArchive(client, subDir, signal);
  await removeMark(client, `${folder}/${id}`, signal);
  return await usersOf(client, { id, subDir }, signal);
}

/** @throws GrpcError FAILED_PRECONDITION – a volume made a directory above this one, and all in it goes with that. */
export async function checkAbove(client: NfsClient, subDir: string, signal: AbortSignal): Promise<void> {
  const names = subDir.split('/');
  for (let depth = 1; depth < names.length; depth++) {
    const above = names.slice(0, depth).join('/');
    if (!(await namesIn(client, usersFolder(above), signal)).includes(madeMark)) continue;
    throw grpcError(
      'FAILED_PRECONDITION',
      `subDir ${JSON.stringify(subDir)} is inside ${JSON.stringify(above)}, the directory of another volume, and would be deleted with it; choose another subDir`,
    );
  }
}

/** Forgets a directory that has no users any more. */
export async function forgetDirectory(client: NfsClient, subDir: string, signal: AbortSignal): Promise<void> {
  const folder = usersFolder(subDir);
  for (const mark of [madeMark, archiveMark]) await removeMark(client, `${folder}/${mark}`, signal);
  await removeIfEmpty(client, folder, signal);
}

async function usersOf(
  client: NfsClient,
  { id, subDir }: { readonly id: string; readonly subDir: string },
  signal: AbortSignal,
): Promise<DirectoryUsers> {
  const names = await namesIn(client, usersFolder(subDir), signal);
  const others = names.filter((name) => name !== madeMark && name !== archiveMark && name !== id);
  return { others, made: names.includes(madeMark), archive: names.includes(archiveMark) };
}

/** Where nothing is known of the directory any more all is done. */
async function markForArchive(client: NfsClient, subDir: string, signal: AbortSignal): Promise<void> {
  try {
    await writeMark(client, { path: `${usersFolder(subDir)}/${archiveMark}`, word: subDir }, signal);
  } catch (error) {
    if (!isNfsError(error, 'NOENT')) throw error;
  }
}
