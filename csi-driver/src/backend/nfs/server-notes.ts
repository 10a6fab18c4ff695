import { isPlainId } from '../../rules/volume-id.ts';
import type { NotedAt, NotesPage, NotesWanted, ServerNotes, Stored } from '../backend.ts';
import { accessIn, nameIn, nfsIdOf } from './nfs-id.ts';
import { type NfsAccess, nfsClassOf, nfsVolumeOf } from './nfs-parameters.ts';
import type { ShareList } from './share-list.ts';
import type { ShareNotes } from './share-notes.ts';

type Strings = Readonly<Record<string, string>>;

/** Notes on shares as the services know them: by id and context. */
export class NfsServerNotes implements ServerNotes {
  readonly #notes: ShareNotes;
  readonly #list: ShareList;

  constructor(notes: ShareNotes, list: ShareList) {
    this.#notes = notes;
    this.#list = list;
  }

  idFor(name: string, context: Strings): string {
    return nfsIdOf(name, nfsVolumeOf(context));
  }

  async put({ kind, id }: Stored, context: Strings, record: Uint8Array): Promise<void> {
    await this.#notes.put(nfsVolumeOf(context), { kind, name: nameIn(id) }, record);
  }

  find({ kind, id }: Stored, at: NotedAt, signal: AbortSignal): Promise<Uint8Array | undefined> | undefined {
    const access = placeOf(id, at);
    return access && this.#notes.get(access, { kind, name: nameIn(id) }, signal);
  }

  async ofPlace(context: Strings, signal: AbortSignal): Promise<readonly Uint8Array[]> {
    return await this.#notes.ofUsers(nfsVolumeOf(context), signal);
  }

  async missing(ids: readonly string[], signal: AbortSignal): Promise<ReadonlySet<string>> {
    return await this.#list.missing(ids, signal);
  }

  async page(from: string | undefined, wanted: NotesWanted, signal: AbortSignal): Promise<NotesPage> {
    return await this.#list.page(from, wanted, signal);
  }

  isCredible(id: string, context: Strings, at: NotedAt): boolean {
    try {
      const volume = nfsVolumeOf(context);
      const place = placeOf(id, at);
      // A directory that a driver made is below the share, never the share itself.
      return place !== undefined && volume.subDir !== '' && isSame(place, volume);
    } catch {
      return false;
    }
  }
}

/** Ids are the caller's: only what is a plain name is looked for where the parameters say. */
function placeOf(id: string, { parameters }: NotedAt): NfsAccess | undefined {
  return accessIn(id) ?? (parameters && isPlainId(id) ? nfsClassOf(parameters) : undefined);
}

function isSame(a: NfsAccess, b: NfsAccess): boolean {
  return a.server === b.server && a.share === b.share && a.port === b.port && a.version === b.version;
}
