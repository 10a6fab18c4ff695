import { mkdirSync, readdirSync, readFileSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import {
  Backoff,
  type Clock,
  type Logger,
  messageOf,
  type Rng,
  runController,
  startTask,
  WorkQueue,
  writeFileDurably,
} from '@berth/kit';
import type { NfsAccess } from './nfs-parameters.ts';
import { moveIfThere } from './nfs-paths.ts';
import type { NfsServers } from './nfs-servers.ts';
import { ownFolder } from './path-rules.ts';

export interface ShareTrashOptions {
  /** Where the list of what is in the trash is kept, on this machine. */
  readonly folder: string;
  readonly servers: NfsServers;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly log: Logger;
}

/** Trees of one server are removed side by side; a server that is gone takes one place at a time. */
const workers = 4;
const noSignal = new AbortController().signal;

/**
 * What was deleted on servers: moved aside at once, removed in the background, also after a restart and once its server
 * is back. Which share has something to remove is written down before it is moved.
 */
export class ShareTrash implements AsyncDisposable {
  readonly #options: ShareTrashOptions;
  readonly #queue: WorkQueue;
  readonly #task: AsyncDisposable;

  constructor(options: ShareTrashOptions) {
    this.#options = options;
    const { clock, rng, log, folder } = options;
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const backoff = new Backoff({ initialMs: 1000, maxMs: 300_000, jitter: 0.2, rng });
    const queue = new WorkQueue({ clock, backoff });
    this.#queue = queue;
    const reconcile = (name: string, signal: AbortSignal) => this.#remove(name, signal);
    this.#task = startTask(
      'nfs trash',
      (signal) => runController({ name: 'nfs-trash', queue, reconcile, workers, log, signal }),
      { log, signal: noSignal },
    );
    for (const name of readdirSync(folder)) {
      if (entryPattern.test(name)) queue.add(name);
      // Half-written: what it was to announce was not begun.
      else if (name.endsWith('.tmp')) unlinkSync(join(folder, name));
    }
  }

  /** Takes paths of a share out of reach in one step each; absent ones are fine. */
  async discard(access: NfsAccess, paths: readonly string[], signal?: AbortSignal): Promise<void> {
    const name = `${this.#options.rng.uuid()}.json`;
    const path = join(this.#options.folder, name);
    const { server, share, version, port } = access;
    await writeFileDurably(path, JSON.stringify({ server, share, version, port }));
    try {
      await this.#options.servers.use(
        access,
        async (client, limit) => {
          const trash = trashOf(name);
          await client.mkdir(trash, { mode: 0o700, recursive: true }, limit);
          for (const [index, from] of paths.entries())
            await moveIfThere(client, { from, to: `${trash}/${index}` }, limit);
        },
        signal,
      );
    } finally {
      this.#queue.add(name);
    }
  }

  /** Resolves when nothing waits to be removed but what failed and is tried again later. */
  async emptied(): Promise<void> {
    while (!this.#queue.idle) await this.#options.clock.sleep(10);
  }

  /** Ends what is under way; the rest is for the next start. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#task[Symbol.asyncDispose]();
  }

  async #remove(name: string, signal: AbortSignal): Promise<undefined> {
    const path = join(this.#options.folder, name);
    const access = this.#read(path);
    if (access)
      await this.#options.servers.useLong(access, (client, stop) => client.removeTree(trashOf(name), stop), signal);
    unlinkSync(path);
    return undefined;
  }

  /**
   * @returns undefined where the file is none of ours any more: nothing on a server is to be removed by it.
   * @throws Error – it cannot be read now, and says what nothing else says.
   */
  #read(path: string): NfsAccess | undefined {
    const text = readFileSync(path, 'utf8');
    try {
      return JSON.parse(text) as NfsAccess;
    } catch (error) {
      this.#options.log.warn('a list of deleted data cannot be read', { path, reason: messageOf(error) });
      return undefined;
    }
  }
}

const entryPattern = /^[0-9a-f-]{36}\.json$/;

function trashOf(name: string): string {
  return `${ownFolder}/trash/${name.slice(0, 36)}`;
}
