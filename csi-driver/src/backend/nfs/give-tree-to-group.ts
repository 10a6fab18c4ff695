import { isNfsError, type NfsAttributes, type NfsClient } from '@berth/nfs-client';
import { directoryMode, fileMode, isOfGroup } from '../../mounts/give-to-group.ts';

/** Calls under way at a time: a server does some side by side, more only wait there. */
const concurrency = 16;

/**
 * Makes a directory of a share and all below it readable and writable by a group, now and for what is made there later.
 * No symlink is followed, no other filesystem entered. Broken off, it is begun again; done already, it costs one call.
 */
export async function giveTreeToGroup(
  client: NfsClient,
  { path, group }: { readonly path: string; readonly group: number },
  signal: AbortSignal,
): Promise<void> {
  const root = await client.stat(path, signal);
  if (isOfGroup(root, group)) return;
  await new Giving(client, { group, fsId: root.fsId }, signal).directory(path, root);
}

class Giving {
  readonly #client: NfsClient;
  readonly #group: number;
  readonly #fsId: string;
  readonly #signal: AbortSignal;

  constructor(
    client: NfsClient,
    { group, fsId }: { readonly group: number; readonly fsId: string },
    signal: AbortSignal,
  ) {
    this.#client = client;
    this.#group = group;
    this.#fsId = fsId;
    this.#signal = signal;
  }

  /** What is in it first: the root is changed last, and then says that all is done. */
  async directory(path: string, attributes: NfsAttributes): Promise<void> {
    let running: Promise<void>[] = [];
    for await (const entry of this.#client.readdir(path, this.#signal)) {
      const below = path === '' ? entry.name : `${path}/${entry.name}`;
      if (entry.attributes.fsId !== this.#fsId) continue;
      if (entry.attributes.type === 'directory') await unlessGone(this.directory(below, entry.attributes));
      else running.push(unlessGone(this.#change(below, entry.attributes, fileMode)));
      if (running.length < concurrency) continue;
      await Promise.all(running);
      running = [];
    }
    await Promise.all(running);
    await this.#change(path, attributes, directoryMode);
  }

  /** Owner first: changing it takes setgid off again. */
  async #change(path: string, { type, gid, mode }: NfsAttributes, wanted: number): Promise<void> {
    // What may be done with symlinks and the like is not changed.
    if (type !== 'directory' && type !== 'file') return;
    if (gid !== this.#group) await this.#client.setattr(path, { gid: this.#group }, this.#signal);
    if (gid === this.#group && (mode & wanted) === wanted) return;
    await this.#client.setattr(path, { mode: mode | wanted }, this.#signal);
  }
}

/** What a workload removed or swapped meanwhile is not there to be given. */
async function unlessGone(work: Promise<void>): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (!isNfsError(error, 'NOENT', 'NOTDIR', 'SYMLINK', 'STALE')) throw error;
  }
}
