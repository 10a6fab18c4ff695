import { createHash } from 'node:crypto';
import { Backoff, type Clock, type Logger, messageOf, type Rng } from '@berth/kit';
import { type DirectoryCursor, type DirectoryPage, isNfsError, type NfsClient } from '@berth/nfs-client';
import { grpcError } from '@berth/protos';
import type { NotedVolume, NotesPage, NotesWanted } from '../backend.ts';
import type { KnownShares } from './known-shares.ts';
import { accessIn, nameIn, nfsIdOf } from './nfs-id.ts';
import { type NfsAccess, parametersOf } from './nfs-parameters.ts';
import type { NfsServers } from './nfs-servers.ts';
import { type NotedName, notedIn, notesFolder, readNote } from './share-notes.ts';

export interface ShareListOptions {
  readonly servers: NfsServers;
  readonly shares: KnownShares;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly log: Logger;
}

/** A share, and the ways it was asked for. */
interface Place {
  readonly key: string;
  readonly ways: readonly [NfsAccess, ...NfsAccess[]];
}

interface Position {
  readonly place: Place;
  readonly cursor: DirectoryCursor | undefined;
}

/** Where nothing new is, an answer may be empty and go on with the next call: so much of a share one call looks at. */
const mostDirectoryPages = 8;
/** Whoever may write to a share may write notes as long as they may be; an answer of gRPC has 4 MiB. */
const mostNoteBytes = 512 * 1024;
const atOnce = 16;
/** A list waits no longer for a server, and after that asks it ever less often. */
const patienceMs = 3000;
const askAgain = { initialMs: 30_000, maxMs: 3_600_000, jitter: 0.1 } as const;
const defaultPort = 2049;

/** What all instances of the driver have on the shares that this one ever used, as the shares' own directories tell it. */
export class ShareList {
  readonly #options: ShareListOptions;
  readonly #backoff: Backoff;
  readonly #notBeforeMs = new Map<string, number>();

  constructor(options: ShareListOptions) {
    this.#options = options;
    this.#backoff = new Backoff({ ...askAgain, rng: options.rng });
  }

  /** Which of these are noted no more. Those of a server that does not answer are not among them. */
  async missing(ids: readonly string[], signal: AbortSignal): Promise<ReadonlySet<string>> {
    const byShare = new Map<string, { readonly access: NfsAccess; readonly ids: string[] }>();
    for (const id of ids) {
      const access = accessIn(id);
      if (!access) continue;
      const key = JSON.stringify(access);
      const known = byShare.get(key) ?? { access, ids: [] };
      known.ids.push(id);
      byShare.set(key, known);
    }
    const asked = [...byShare.values()].map(({ access, ids: own }) =>
      this.#ask(access, (client, limit) => withoutNote(client, own, limit), signal),
    );
    return new Set((await Promise.all(asked)).flatMap((gone) => gone ?? []));
  }

  /** As {@link ServerNotes.page}. */
  async page(from: string | undefined, wanted: NotesWanted, signal: AbortSignal): Promise<NotesPage> {
    const places = this.#places();
    const notes: NotedVolume[] = [];
    let position = positionOf(from, places);
    for (let pages = 0; position; pages++) {
      const most = wanted.most - notes.length;
      if (most <= 0 || pages >= mostDirectoryPages || bytesOf(notes) >= mostNoteBytes) break;
      const { place, cursor }: Position = position;
      const some = await this.#ask(
        place.ways[0],
        (client, limit) => readSome(client, { position: { place, cursor }, wanted: { ...wanted, most } }, limit),
        signal,
      );
      notes.push(...(some?.notes ?? []));
      position = some?.next ? { place, cursor: some.next } : after(place, places);
    }
    return { notes, next: position && tokenOf(position) };
  }

  /** The work's result; undefined where the server does not answer, or did not when it was last asked. */
  async #ask<T>(
    access: NfsAccess,
    work: (client: NfsClient, signal: AbortSignal) => Promise<T>,
    signal: AbortSignal,
  ): Promise<T | undefined> {
    const { servers, clock, log } = this.#options;
    const key = `${access.server} ${access.share}`;
    if (clock.monotonicMs() < (this.#notBeforeMs.get(key) ?? 0)) return undefined;
    const stop = new AbortController();
    using _limit = clock.schedule(patienceMs, () => stop.abort(new Error(`no answer in ${patienceMs} ms`)));
    try {
      const result = await servers.use(access, work, AbortSignal.any([signal, stop.signal]));
      this.#backoff.forget(key);
      return result;
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof BadCursor) throw badToken(error);
      this.#notBeforeMs.set(key, clock.monotonicMs() + this.#backoff.next(key));
      log.debug('a share is left out of a list', {
        server: access.server,
        share: access.share,
        error: messageOf(error),
      });
      return undefined;
    }
  }

  #places(): Place[] {
    const places = new Map<string, [NfsAccess, ...NfsAccess[]]>();
    for (const access of this.#options.shares.all()) {
      const key = keyOf(access);
      const ways = places.get(key);
      if (ways) ways.push(access);
      else places.set(key, [access]);
    }
    return [...places].map(([key, ways]) => ({ key, ways })).sort((a, b) => (a.key < b.key ? -1 : 1));
  }
}

/** The server no longer knows where a list was. */
class BadCursor extends Error {}

/** However it is asked for, one directory of one server. */
function keyOf({ server, share, port = defaultPort }: NfsAccess): string {
  return createHash('sha256')
    .update(JSON.stringify([server, share, port]))
    .digest('hex')
    .slice(0, 16);
}

function after(place: Place, places: readonly Place[]): Position | undefined {
  const next = places[places.indexOf(place) + 1];
  return next && { place: next, cursor: undefined };
}

function tokenOf({ place, cursor }: Position): string {
  return cursor ? `${place.key}-${cursor.cookie}-${Buffer.from(cursor.verifier).toString('hex')}` : place.key;
}

/** @throws GrpcError ABORTED – not a token of ours, or of a share that this driver knows. */
function positionOf(from: string | undefined, places: readonly Place[]): Position | undefined {
  const [first] = places;
  if (from === undefined) return first && { place: first, cursor: undefined };
  const [, key, cookie, verifier] = /^([0-9a-f]{16})(?:-(\d{1,20})-([0-9a-f]{0,32}))?$/.exec(from) ?? [];
  const place = places.find((one) => one.key === key);
  if (!place || BigInt(cookie ?? 0) >= 2n ** 64n) throw badToken();
  if (cookie === undefined || verifier === undefined) return { place, cursor: undefined };
  return { place, cursor: { cookie: BigInt(cookie), verifier: Buffer.from(verifier, 'hex') } };
}

function badToken(cause?: Error) {
  return grpcError('ABORTED', 'starting_token is not one this driver gave; list again from the beginning', { cause });
}

async function withoutNote(client: NfsClient, ids: readonly string[], signal: AbortSignal): Promise<string[]> {
  const gone: string[] = [];
  for (let at = 0; at < ids.length; at += atOnce) {
    const some = ids.slice(at, at + atOnce).map(async (id) => {
      try {
        await client.stat(`${notesFolder}/volume-${nameIn(id)}`, signal);
      } catch (error) {
        if (!isNfsError(error, 'NOENT')) throw error;
        gone.push(id);
      }
    });
    await Promise.all(some);
  }
  return gone;
}

interface Some {
  readonly position: Position;
  readonly wanted: NotesWanted;
}

/** What one page of the directory has that is not known; `next` is undefined at its end. */
async function readSome(
  client: NfsClient,
  { position: { place, cursor }, wanted: { most, isKnown } }: Some,
  signal: AbortSignal,
): Promise<{ readonly notes: NotedVolume[]; readonly next: DirectoryCursor | undefined }> {
  const page = await pageOf(client, cursor, signal);
  const notes: NotedVolume[] = [];
  let next: DirectoryCursor | undefined = page.end ? undefined : page.next;
  const unknown = page.entries.flatMap(({ name: file, cookie }) => {
    const noted = notedIn(file);
    if (noted?.kind !== 'volume') return [];
    const ids = [noted.name, ...place.ways.map((access) => nfsIdOf(noted.name, access))];
    return ids.some(isKnown) ? [] : [{ noted, cookie }];
  });
  const read = async ({ noted }: { readonly noted: NotedName }): Promise<void> => {
    const bytes = await readNote(client, noted, signal);
    const isOf = (id: string) => nameIn(id) === noted.name && keyOf(accessIn(id) ?? place.ways[0]) === place.key;
    if (bytes) notes.push({ bytes, at: { parameters: parametersOf(place.ways[0]) }, isOf });
  };
  for (let at = 0; at < unknown.length; ) {
    const some = unknown.slice(at, at + Math.min(atOnce, most - at));
    await Promise.all(some.map(read));
    at += some.length;
    if (at >= unknown.length || (at < most && bytesOf(notes) < mostNoteBytes)) continue;
    next = { cookie: (unknown[at - 1] as { cookie: bigint }).cookie, verifier: page.next.verifier };
    break;
  }
  return { notes, next };
}

async function pageOf(
  client: NfsClient,
  cursor: DirectoryCursor | undefined,
  signal: AbortSignal,
): Promise<DirectoryPage> {
  try {
    return await client.readdirPage(notesFolder, cursor, signal);
  } catch (error) {
    if (isNfsError(error, 'BAD_COOKIE', 'NOT_SAME')) throw new BadCursor('the cursor is void', { cause: error });
    // Nothing was ever noted here.
    if (isNfsError(error, 'NOENT')) return { entries: [], next: { cookie: 0n, verifier: Buffer.alloc(0) }, end: true };
    throw error;
  }
}

function bytesOf(notes: readonly NotedVolume[]): number {
  return notes.reduce((sum, { bytes }) => sum + bytes.length, 0);
}
