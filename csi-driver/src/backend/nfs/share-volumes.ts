import { KeyedMutex, type Logger } from '@berth/kit';
import { isNfsError, type NfsClient, type TreeCopyResult } from '@berth/nfs-client';
import { grpcError } from '@berth/protos';
import { checkAbove, claimMade, forgetDirectory, joinUsers, leaveUsers } from './directory-users.ts';
import type { NfsAccess, NfsVolume } from './nfs-parameters.ts';
import { isDirectory, makeDirectory, moveIfThere } from './nfs-paths.ts';
import type { NfsServers } from './nfs-servers.ts';
import { ownFolder } from './path-rules.ts';
import type { ShareTrash } from './share-trash.ts';

export interface ShareVolumesOptions {
  readonly servers: NfsServers;
  readonly trash: ShareTrash;
  readonly log: Logger;
}

/** Workloads run as any user. Who wants less says so with `mountPermissions`. */
const defaultMode = 0o777;

/** Where content is put together before it shows; and where snapshots are. */
const makingOf = (id: string) => `${ownFolder}/making/${id}`;
export const snapshotPath = (id: string) => `${ownFolder}/snapshots/${id}`;

/** Directories and snapshots of volumes on the shares of servers. Every method can be repeated after any crash. */
export class ShareVolumes {
  readonly #servers: NfsServers;
  readonly #trash: ShareTrash;
  readonly #log: Logger;
  /** Steps for one directory do not mix; other directories do not wait. */
  readonly #mutex = new KeyedMutex();

  constructor({ servers, trash, log }: ShareVolumesOptions) {
    this.#servers = servers;
    this.#trash = trash;
    this.#log = log;
  }

  /** Makes the directory, or takes one that is there, with what is in it. */
  async create(id: string, volume: NfsVolume): Promise<void> {
    const { subDir, mode } = volume;
    await this.#alone(volume, () =>
      this.#servers.use(volume, async (client, signal) => {
        await checkAbove(client, subDir, signal);
        const { made } = await joinUsers(client, { id, subDir }, signal);
        const found = await isDirectory(client, subDir, signal);
        if (!found || made) {
          if (!made) await claimMade(client, subDir, signal);
          await makeDirectory(client, { path: subDir, mode: mode ?? defaultMode }, signal);
        } else {
          this.#log.info('an nfs volume uses a directory that was there before', { volume: id, subDir });
        }
        // A server takes its umask off what is made.
        if (!found || mode !== undefined) await client.setattr(subDir, { mode: mode ?? defaultMode }, signal);
      }),
    );
  }

  /** Makes the directory with the content of another. @throws GrpcError FAILED_PRECONDITION – it is there already. */
  async fill(id: string, volume: NfsVolume, { from, signal }: Content): Promise<TreeCopyResult | undefined> {
    const { subDir, mode } = volume;
    return await this.#alone(volume, async () => {
      const isComplete = await this.#servers.use(
        volume,
        (client, limit) => this.#isFilled(client, { id, subDir }, limit),
        signal,
      );
      if (isComplete) return undefined;
      const copied = await this.#copy(volume, { from, id, signal });
      await this.#servers.use(
        volume,
        async (client, limit) => {
          if (mode !== undefined) await client.setattr(makingOf(id), { mode }, limit);
          await this.#show(client, { from: makingOf(id), to: subDir }, limit);
        },
        signal,
      );
      return copied;
    });
  }

  /** Takes a directory's content as a snapshot, file after file. */
  async snapshot(id: string, access: NfsAccess, { from, signal }: Content): Promise<TreeCopyResult | undefined> {
    const to = snapshotPath(id);
    if (await this.#servers.use(access, (client, limit) => isDirectory(client, to, limit), signal)) return undefined;
    const copied = await this.#copy(access, { from, id, signal });
    await this.#servers.use(access, (client, limit) => this.#show(client, { from: makingOf(id), to }, limit), signal);
    return copied;
  }

  /** Does with the data what the class wants, unless others use it too, or it was there before. */
  async remove(id: string, volume: NfsVolume): Promise<void> {
    const { subDir, onDelete } = volume;
    await this.#alone(volume, async () => {
      const { others, made, archive } = await this.#servers.use(volume, async (client, signal) => {
        const users = await leaveUsers(client, { id, subDir, onDelete }, signal);
        if (users.others.length === 0 && users.made && users.archive)
          await this.#archive(client, { id, subDir }, signal);
        return users;
      });
      const isLast = others.length === 0;
      if (isLast && !made)
        this.#log.info('the directory was there before, or is to be retained; its data stays', { volume: id, subDir });
      if (!isLast) this.#log.info('other volumes use the directory; its data stays', { volume: id, subDir, others });
      const data = isLast && made && !archive ? [subDir] : [];
      const halfMade = await this.#servers.use(volume, (client, signal) => isDirectory(client, makingOf(id), signal));
      const paths = [...data, ...(halfMade ? [makingOf(id)] : [])];
      if (paths.length > 0) await this.#trash.discard(volume, paths);
      if (isLast) await this.#servers.use(volume, (client, signal) => forgetDirectory(client, subDir, signal));
    });
  }

  async removeSnapshot(id: string, access: NfsAccess): Promise<void> {
    await this.#trash.discard(access, [snapshotPath(id), makingOf(id)]);
  }

  async #isFilled(client: NfsClient, { id, subDir }: Named, signal: AbortSignal): Promise<boolean> {
    await checkAbove(client, subDir, signal);
    const found = await isDirectory(client, subDir, signal);
    const { made, others } = await joinUsers(client, { id, subDir }, signal);
    // It shows in one step when it is complete: one that is ours is.
    if (found && made && others.length === 0) return true;
    if (found) {
      throw grpcError(
        'FAILED_PRECONDITION',
        `${JSON.stringify(subDir)} is on the share already: content goes to a new directory only`,
      );
    }
    await claimMade(client, subDir, signal);
    return false;
  }

  /** What an earlier try left is thrown away: nobody has seen it. */
  async #copy(access: NfsAccess, { from, id, signal }: Content & { readonly id: string }): Promise<TreeCopyResult> {
    const making = makingOf(id);
    return await this.#servers.useLong(
      access,
      async (client, stop) => {
        await client.removeTree(making, stop);
        await client.mkdir(`${ownFolder}/making`, { recursive: true, mode: 0o700 }, stop);
        try {
          return await client.copyTree(from, making, stop);
        } catch (error) {
          if (!isNfsError(error, 'NOENT') || (await isDirectory(client, from, stop))) throw error;
          throw grpcError('DATA_LOSS', `${JSON.stringify(from)} is not on the share any more`);
        }
      },
      signal,
    );
  }

  async #show(
    client: NfsClient,
    { from, to }: { readonly from: string; readonly to: string },
    signal: AbortSignal,
  ): Promise<void> {
    const above = to.slice(0, Math.max(0, to.lastIndexOf('/')));
    const mode = to.startsWith(`${ownFolder}/`) ? 0o700 : 0o755;
    if (above !== '') await client.mkdir(above, { recursive: true, mode }, signal);
    await client.rename(from, to, signal);
  }

  /** An earlier archive of the same name is somebody's data too: then the id is added. */
  async #archive(client: NfsClient, { id, subDir }: Named, signal: AbortSignal): Promise<void> {
    const to = `archived-${subDir}`;
    const free = (await isDirectory(client, to, signal)) ? `${to}-${id}` : to;
    const above = free.slice(0, Math.max(0, free.lastIndexOf('/')));
    if (above !== '') await client.mkdir(above, { recursive: true, mode: 0o755 }, signal);
    await moveIfThere(client, { from: subDir, to: free }, signal);
  }

  #alone<T>({ server, share, subDir }: NfsVolume, task: () => Promise<T>): Promise<T> {
    return this.#mutex.run(JSON.stringify([server, share, subDir]), task);
  }
}

interface Content {
  /** A path of the share. */
  readonly from: string;
  readonly signal: AbortSignal;
}

interface Named {
  readonly id: string;
  readonly subDir: string;
}
