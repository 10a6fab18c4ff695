import { createHash, randomUUID } from 'node:crypto';
import { createReadStream, type ReadStream } from 'node:fs';
import { type FileHandle, mkdir, open, readdir, readFile, rename, rm, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { KeyedMutex, syncDirectory } from '@berth/kit';
import { isErrno } from '@berth/linux';
import { ImageError } from './image-error.ts';

const digestPattern = /^sha256:([0-9a-f]{64})$/;
/** Of a manifest or config (OCI distribution spec). */
export const maxJsonBytes = 4 * 1024 * 1024;

/** What a blob is announced to be; what comes must match. */
export interface Expected {
  readonly digest?: string;
  readonly sizeBytes?: number;
}

type Chunks = AsyncIterable<Uint8Array> | Iterable<Uint8Array>;

/** Blobs by the digest of their content. What has a name here is whole, verified and on disk. */
export class ContentStore {
  readonly #folder: string;
  readonly #bringing = new KeyedMutex();

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** @throws ImageError Invalid – not a sha256 digest. */
  async has(digest: string): Promise<boolean> {
    return (await this.size(digest)) !== undefined;
  }

  async size(digest: string): Promise<number | undefined> {
    const path = this.path(digest);
    try {
      return (await stat(path)).size;
    } catch (error) {
      if (isErrno(error, 'ENOENT')) return undefined;
      throw error;
    }
  }

  /** @throws ImageError Invalid – not a sha256 digest: a hostile one must not become a path. */
  path(digest: string): string {
    const match = typeof digest === 'string' ? digestPattern.exec(digest) : undefined;
    if (!match) throw new ImageError('Invalid', `${JSON.stringify(digest)} is not a sha256 digest`);
    return join(this.#folder, 'sha256', match[1] as string);
  }

  read(digest: string): ReadStream {
    return createReadStream(this.path(digest), { highWaterMark: 256 * 1024 });
  }

  /** @throws ImageError NotFound – no such blob; Invalid – it is larger than a manifest or config may be, or not a JSON object. */
  async readJson<T extends object>(digest: string): Promise<T> {
    const size = await this.size(digest);
    if (size === undefined) throw new ImageError('NotFound', `blob ${digest} is not in the image store`);
    if (size > maxJsonBytes)
      throw new ImageError('Invalid', `blob ${digest} is ${size} bytes: too large for a manifest`);
    return parseJson<T>(await readFile(this.path(digest), 'utf8'), digest);
  }

  /** Runs `bring` unless the blob is here; who asks for the same blob meanwhile waits for it. */
  ensure(digest: string, bring: () => Promise<unknown>): Promise<void> {
    return this.#bringing.run(digest, async () => {
      if (!(await this.has(digest))) await bring();
    });
  }

  /**
   * Takes in a stream. @returns its digest.
   * @throws ImageError Invalid – it is not what was expected.
   */
  async write(content: Chunks, expected: Expected = {}): Promise<string> {
    await mkdir(join(this.#folder, 'sha256'), { recursive: true });
    const temporary = join(this.#folder, `incoming-${randomUUID()}`);
    try {
      await using file = await open(temporary, 'wx', 0o600);
      const digest = await copy(content, file, expected);
      await file.sync();
      await rename(temporary, this.path(digest));
      await syncDirectory(join(this.#folder, 'sha256'));
      return digest;
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
  }

  /** Deletes every blob that is not in `keep`, and what a crash left half-written. Nobody else may be writing. */
  async prune(keep: ReadonlySet<string>): Promise<void> {
    for (const name of await names(this.#folder))
      if (name.startsWith('incoming-')) await unlink(join(this.#folder, name));
    for (const name of await names(join(this.#folder, 'sha256')))
      if (!keep.has(`sha256:${name}`)) await unlink(join(this.#folder, 'sha256', name));
  }
}

async function copy(content: Chunks, file: FileHandle, expected: Expected): Promise<string> {
  const hash = createHash('sha256');
  let size = 0;
  for await (const chunk of content) {
    size += chunk.length;
    if (size > (expected.sizeBytes ?? Number.POSITIVE_INFINITY)) break;
    hash.update(chunk);
    for (let at = 0; at < chunk.length; ) at += (await file.write(chunk, at)).bytesWritten;
  }
  const digest = `sha256:${hash.digest('hex')}`;
  if (expected.sizeBytes !== undefined && size !== expected.sizeBytes)
    throw new ImageError('Invalid', `blob ${expected.digest ?? ''} is not of ${expected.sizeBytes} bytes as announced`);
  if (expected.digest !== undefined && expected.digest !== digest)
    throw new ImageError('Invalid', `blob is ${digest}, not ${expected.digest} as announced`);
  return digest;
}

async function names(folder: string): Promise<string[]> {
  return readdir(folder).catch((error: unknown) => {
    if (isErrno(error, 'ENOENT')) return [];
    throw error;
  });
}

/** @throws ImageError Invalid – not JSON, or neither an object nor a list. */
export function parseJson<T extends object>(text: string, what: string): T {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new ImageError('Invalid', `${what} is not JSON`, { cause: error });
  }
  if (typeof value !== 'object' || value === null) throw new ImageError('Invalid', `${what} is not a JSON object`);
  return value as T;
}
