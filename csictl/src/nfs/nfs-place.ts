import { systemRng } from '@berth/kit';
import { isNfsError, type NfsAttributes, type NfsClient } from '@berth/nfs-client';
import { type CopyEntry, type CopySource, type CopyTarget, childOf, nameOf, parentOf } from './copy-place.ts';

/** A tree on a server. Its client neither sends nor believes names that lead elsewhere. */
export class NfsPlace implements CopySource, CopyTarget {
  readonly #client: NfsClient;

  constructor(client: NfsClient) {
    this.#client = client;
  }

  async stat(path: string, signal: AbortSignal): Promise<CopyEntry> {
    return entryOf(path, await this.#client.stat(path, signal));
  }

  async find(path: string, signal: AbortSignal): Promise<CopyEntry | undefined> {
    try {
      return await this.stat(path, signal);
    } catch (error) {
      if (isNfsError(error, 'NOENT')) return undefined;
      throw error;
    }
  }

  async *entries(path: string, signal: AbortSignal): AsyncGenerator<CopyEntry> {
    for await (const { name, attributes } of this.#client.readdir(path, signal))
      yield entryOf(childOf(path, name), attributes);
  }

  read(path: string, signal: AbortSignal): AsyncIterable<Uint8Array> {
    return this.#client.read(path, {}, signal);
  }

  readlink(path: string, signal: AbortSignal): Promise<string> {
    return this.#client.readlink(path, signal);
  }

  async write(
    path: string,
    content: AsyncIterable<Uint8Array>,
    { mode, signal }: { mode: number; signal: AbortSignal },
  ): Promise<void> {
    const temporary = childOf(parentOf(path), `.${nameOf(path).slice(0, 60)}.${systemRng.uuid()}`);
    try {
      await this.#client.write(temporary, content, { mode, create: 'exclusive', holes: true, signal });
      // The server takes the mode of a new file as a wish.
      await this.#client.setattr(temporary, { mode }, signal);
      await this.#client.rename(temporary, path, signal);
    } catch (error) {
      // Also when the user has given up: half a file is nobody's wish.
      await this.#client.remove(temporary, AbortSignal.timeout(cleanUpMs)).catch(() => undefined);
      throw error;
    }
  }

  async makeDirectory(path: string, mode: number, signal: AbortSignal): Promise<void> {
    try {
      await this.#client.mkdir(path, { mode }, signal);
    } catch (error) {
      if (!isNfsError(error, 'EXIST') || (await this.stat(path, signal)).type !== 'directory') throw error;
    }
  }

  symlink(path: string, target: string, signal: AbortSignal): Promise<void> {
    return this.#client.symlink(path, target, signal);
  }
}

const cleanUpMs = 5000;

function entryOf(path: string, { type, mode, sizeBytes }: NfsAttributes): CopyEntry {
  const isPlain = type === 'file' || type === 'directory' || type === 'symlink';
  return { path, type: isPlain ? type : 'other', mode, sizeBytes };
}
