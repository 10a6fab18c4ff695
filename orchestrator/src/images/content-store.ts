import { createHash } from 'node:crypto';
import { createReadStream, type ReadStream } from 'node:fs';
import { mkdir, open, readdir, readFile, rename, rm, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { syncDirectory } from '@berth/kit';
import { ImageError } from './image-error.ts';

const digestPattern = /^sha256:([0-9a-f]{64})$/;

/** Blobs by the digest of their content. What has a name here is whole, verified and on disk. */
export class ContentStore {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  async has(digest: string): Promise<boolean> {
    return (await this.size(digest)) !== undefined;
  }

  async size(digest: string): Promise<number | undefined> {
    try {
      return (await stat(this.path(digest))).size;
    } catch {
      return undefined;
    }
  }

  /** @throws ImageError Invalid – not a sha256 digest: a hostile one must not become a path. */
  path(digest: string): string {
    const match = digestPattern.exec(digest);
    if (!match) throw new ImageError('Invalid', `"${digest}" is not a sha256 digest`);
    return join(this.#folder, 'sha256', match[1] as string);
  }

  read(digest: string): ReadStream {
    return createReadStream(this.path(digest));
  }

  /** @throws ImageError NotFound – no such blob; Invalid – it is larger than a manifest or config may be, or not JSON. */
  async readJson<T>(digest: string): Promise<T> {
    const size = await this.size(digest);
    if (size === undefined) throw new ImageError('NotFound', `blob ${digest} is not in the image store`);
    if (size > 4 * 1024 * 1024)
      throw new ImageError('Invalid', `blob ${digest} is ${size} bytes: too large for a manifest`);
    return parseJson<T>(await readFile(this.path(digest), 'utf8'), digest);
  }

  /** Takes in a stream; when `expected` is given its digest must match. @returns the digest. */
  async write(content: AsyncIterable<Uint8Array>, expected?: string): Promise<string> {
    await mkdir(join(this.#folder, 'sha256'), { recursive: true });
    const temporary = join(this.#folder, `incoming-${process.pid}-${performance.now()}`);
    const hash = createHash('sha256');
    try {
      await using file = await open(temporary, 'wx', 0o600);
      for await (const chunk of content) {
        hash.update(chunk);
        await file.write(chunk);
      }
      const digest = `sha256:${hash.digest('hex')}`;
      if (expected !== undefined && expected !== digest)
        throw new ImageError('Invalid', `blob is ${digest}, not ${expected} as announced`);
      await file.sync();
      await rename(temporary, this.path(digest));
      await syncDirectory(join(this.#folder, 'sha256'));
      return digest;
    } catch (error) {
      await rm(temporary, { force: true });
      throw (error as { code?: string }).code === 'ENOSPC'
        ? new ImageError('Full', 'no space left for images; free some, then try again', { cause: error })
        : error;
    }
  }

  /** Deletes every blob that is not in `keep`, and what a crash left half-written. */
  async prune(keep: ReadonlySet<string>): Promise<void> {
    for (const name of await names(this.#folder))
      if (name.startsWith('incoming-')) await unlink(join(this.#folder, name)).catch(() => undefined);
    for (const name of await names(join(this.#folder, 'sha256'))) {
      if (!keep.has(`sha256:${name}`)) await unlink(join(this.#folder, 'sha256', name));
    }
  }
}

async function names(folder: string): Promise<string[]> {
  return readdir(folder).catch(() => []);
}

export function parseJson<T>(text: string, what: string): T {
  try {
    return JSON.parse(text) as T;
  } catch (error) {
    throw new ImageError('Invalid', `${what} is not JSON`, { cause: error });
  }
}
