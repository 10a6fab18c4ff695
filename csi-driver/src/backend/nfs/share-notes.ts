import { Buffer } from 'node:buffer';
import { isNfsError, type NfsClient } from '@berth/nfs-client';
import { isPlainId } from '../../rules/volume-id.ts';
import { usersFolder } from './directory-users.ts';
import type { NfsAccess, NfsVolume } from './nfs-parameters.ts';
import { namesIn, removeMark } from './nfs-paths.ts';
import type { NfsServers } from './nfs-servers.ts';
import { ownFolder } from './path-rules.ts';

/** What a note is about: a name is plain, as `rules/volume-id.ts` has it. */
export interface NotedName {
  readonly kind: 'volume' | 'snapshot';
  readonly name: string;
}

export const notesFolder = `${ownFolder}/records`;

/** Far above any record: what is longer is nobody's note. */
const maxNoteBytes = 64 * 1024;

const mostUsers = 16;

const fileName = /^(volume|snapshot)-([a-z0-9-]{1,64})$/;

/**
 * The record of each volume and snapshot of a share, on the share itself: for drivers with another catalog, and for the day
 * a catalog is lost. Who may write to the share as root may write anything here.
 */
export class ShareNotes {
  readonly #servers: NfsServers;

  constructor(servers: NfsServers) {
    this.#servers = servers;
  }

  /** Durable when it resolves; a crash leaves the one before, or none. */
  async put(access: NfsAccess, noted: NotedName, record: Uint8Array): Promise<void> {
    const path = pathOf(noted);
    await this.#servers.use(access, async (client, signal) => {
      try {
        await client.write(newOf(path), [record], { mode: 0o600, signal });
      } catch (error) {
        if (!isNfsError(error, 'NOENT')) throw error;
        await client.mkdir(notesFolder, { recursive: true, mode: 0o700 }, signal);
        await client.write(newOf(path), [record], { mode: 0o600, signal });
      }
      await client.rename(newOf(path), path, signal);
    });
  }

  /** @returns undefined where there is none, or something else has its name. */
  async get(access: NfsAccess, noted: NotedName, signal?: AbortSignal): Promise<Buffer | undefined> {
    return await this.#servers.use(access, (client, limit) => readNote(client, noted, limit), signal);
  }

  /** Of the volumes that use a directory already, where they are few. */
  async ofUsers(volume: NfsVolume, signal?: AbortSignal): Promise<Buffer[]> {
    return await this.#servers.use(
      volume,
      async (client, limit) => {
        const users = (await namesIn(client, usersFolder(volume.subDir), limit)).filter(isPlainId);
        // A directory that so many share is nobody's own.
        if (users.length > mostUsers) return [];
        const notes = await Promise.all(users.map((name) => readNote(client, { kind: 'volume', name }, limit)));
        return notes.filter((note) => note !== undefined);
      },
      signal,
    );
  }

  async remove(access: NfsAccess, noted: NotedName): Promise<void> {
    const path = pathOf(noted);
    await this.#servers.use(access, async (client, signal) => {
      await removeMark(client, newOf(path), signal);
      await removeMark(client, path, signal);
    });
  }
}

/** What a note holds. @returns undefined where there is none, or something else has its name. */
export async function readNote(client: NfsClient, noted: NotedName, signal: AbortSignal): Promise<Buffer | undefined> {
  const parts: Uint8Array[] = [];
  try {
    for await (const part of client.read(pathOf(noted), { length: maxNoteBytes + 1 }, signal)) parts.push(part);
  } catch (error) {
    if (isNfsError(error, 'NOENT', 'NOTDIR', 'ISDIR', 'SYMLINK', 'WRONG_TYPE', 'INVAL')) return undefined;
    throw error;
  }
  const bytes = Buffer.concat(parts);
  return bytes.length <= maxNoteBytes ? bytes : undefined;
}

/** What a file of the folder is a note about; undefined where that cannot be one. */
export function notedIn(file: string): NotedName | undefined {
  const [, kind, name = ''] = fileName.exec(file) ?? [];
  return kind === 'volume' || kind === 'snapshot' ? { kind, name } : undefined;
}

function pathOf({ kind, name }: NotedName): string {
  return `${notesFolder}/${kind}-${name}`;
}

/** Cut off before it got its name it is written over by the next try, and goes with the volume. */
function newOf(path: string): string {
  return `${path}.new`;
}
