import { messageOf } from '@berth/kit';
import type { NfsClient } from '@berth/nfs-client';
import { usersFolder } from '../backend/nfs/directory-users.ts';
import { nameIn } from '../backend/nfs/nfs-id.ts';
import { sourceOf } from '../backend/nfs/nfs-location.ts';
import { type NfsAccess, type NfsVolume, nfsVolumeOf } from '../backend/nfs/nfs-parameters.ts';
import { isDirectory, namesIn } from '../backend/nfs/nfs-paths.ts';
import type { NfsServers } from '../backend/nfs/nfs-servers.ts';
import { ownFolder } from '../backend/nfs/path-rules.ts';
import { type NotedName, notedIn, notesFolder, readNote } from '../backend/nfs/share-notes.ts';
import { snapshotPath } from '../backend/nfs/share-volumes.ts';
import { type OwnRecord, openRecord } from '../catalog/own-record.ts';
import { isPlainId, isVolumeId } from '../rules/volume-id.ts';
import type { Found } from './scan-pools.ts';

/** Notes read side by side: a server may be far away. */
const atOnce = 16;
const noSignal = new AbortController().signal;

/** Looks through shares of servers, and touches nothing. One whose server does not answer is told as that. */
export async function scanShares(servers: NfsServers, shares: readonly NfsAccess[]): Promise<Found[]> {
  const found = await Promise.all(
    shares.map(async (access) => {
      try {
        return await servers.useLong(access, (client, signal) => scan(client, access, signal), noSignal);
      } catch (error) {
        return [{ ...placeOf(access), kind: 'share' as const, id: nameOf(access), own: messageOf(error) }];
      }
    }),
  );
  return found.flat();
}

function nameOf({ server, share }: NfsAccess): string {
  return sourceOf({ server, share, subDir: '' });
}

function placeOf(access: NfsAccess) {
  return { backend: 'nfs', share: nameOf(access) };
}

async function scan(client: NfsClient, access: NfsAccess, signal: AbortSignal): Promise<Found[]> {
  const noted = (await namesIn(client, notesFolder, signal)).flatMap((file) => notedIn(file) ?? []);
  const found: Found[] = [];
  for (let at = 0; at < noted.length; at += atOnce) {
    const some = noted.slice(at, at + atOnce).map(async (one): Promise<Found> => {
      const own = await ownRecordOf(client, { access, one }, signal);
      return { ...placeOf(access), kind: one.kind, id: typeof own === 'string' ? one.name : own.record.id, own };
    });
    found.push(...(await Promise.all(some)));
  }
  const names = new Set(noted.map(({ kind, name }) => `${kind} ${name}`));
  const others = (await withData(client, signal)).filter(({ kind, name }) => !names.has(`${kind} ${name}`));
  const own = 'there is no note of it on the share: it was never finished, or made before drivers kept one';
  return [...found, ...others.map(({ kind, name }) => ({ ...placeOf(access), kind, id: name, own }))];
}

interface Question {
  readonly access: NfsAccess;
  readonly one: NotedName;
}

/** What a note says; or why that is not to be believed: whoever may write to the share may have written it. */
async function ownRecordOf(client: NfsClient, { access, one }: Question, signal: AbortSignal) {
  const bytes = await readNote(client, one, signal);
  const own = bytes ? openRecord(bytes) : 'damaged';
  if (own === 'damaged') return 'the note of it is damaged';
  if (own === 'newer') return 'the note of it was written by a newer csi-driver';
  const { record, kind } = own;
  if (kind !== one.kind || record.backend !== 'nfs' || record.pool !== undefined)
    return `the note of it is of a ${kind} of the backend "${record.backend}"`;
  if (!isVolumeId(record.id) || nameIn(record.id) !== one.name) return `the note of it is of "${record.id}"`;
  const volume = volumeOf(own);
  if (!volume || volume.subDir === '') return 'the note of it does not say where it is';
  if (volume.server !== access.server || volume.share !== access.share)
    return `the note says that it is on ${nameOf(volume)}: recover with --nfs ${nameOf(volume)}`;
  return (await hasData(client, { one, volume }, signal)) ? own : 'its data is not on the share';
}

function volumeOf({ record }: OwnRecord): NfsVolume | undefined {
  try {
    return nfsVolumeOf(record.context ?? {});
  } catch {
    return undefined;
  }
}

/** A volume counts as one of its directory's users as long as it is there. */
async function hasData(
  client: NfsClient,
  { one, volume }: { readonly one: NotedName; readonly volume: NfsVolume },
  signal: AbortSignal,
): Promise<boolean> {
  if (one.kind === 'snapshot') return await isDirectory(client, snapshotPath(one.name), signal);
  if (!(await isDirectory(client, volume.subDir, signal))) return false;
  return (await namesIn(client, usersFolder(volume.subDir), signal)).includes(one.name);
}

/** What the share has of volumes and snapshots beside notes. */
async function withData(client: NfsClient, signal: AbortSignal): Promise<NotedName[]> {
  const volumes: NotedName[] = [];
  for (const folder of await namesIn(client, `${ownFolder}/volumes`, signal)) {
    const users = await namesIn(client, `${ownFolder}/volumes/${folder}`, signal);
    for (const name of users) if (isPlainId(name)) volumes.push({ kind: 'volume', name });
  }
  const snapshots = (await namesIn(client, `${ownFolder}/snapshots`, signal)).filter(isPlainId);
  return [...volumes, ...snapshots.map((name): NotedName => ({ kind: 'snapshot', name }))];
}
