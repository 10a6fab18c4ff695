import { constants, type Dirent, lstatSync, readlinkSync, type Stats, unlinkSync } from 'node:fs';
import { type FileHandle, open, opendir } from 'node:fs/promises';
import { isZero, systemRng } from '@berth/kit';
import {
  createFileAt,
  type Fd,
  isErrno,
  makeDirectoryAt,
  openInRoot,
  openRoot,
  renameAt,
  setModeAt,
  symlinkAt,
} from '@berth/linux';
import { CsictlError } from '../csictl-error.ts';
import { type CopyEntry, type CopySource, type CopyTarget, childOf, nameOf, parentOf } from './copy-place.ts';

const chunkBytes = 1 << 20;

/**
 * A tree of this machine. Every path is walked from the fd of its top without following a symlink: what others put into
 * the tree meanwhile leads nowhere else.
 */
export class LocalPlace implements CopySource, CopyTarget, Disposable {
  readonly #root: Fd;

  /** @param folder a directory the user named. */
  constructor(folder: string) {
    this.#root = openRoot(folder);
  }

  async stat(path: string): Promise<CopyEntry> {
    if (path === '') return entryOf(path, lstatSync(`${this.#root.path}/.`));
    using folder = this.#folder(parentOf(path));
    return entryOf(path, lstatSync(`${folder.path}/${nameOf(path)}`));
  }

  async find(path: string): Promise<CopyEntry | undefined> {
    try {
      return await this.stat(path);
    } catch (error) {
      if ((error as { code?: string }).code === 'ENOENT') return undefined;
      throw error;
    }
  }

  async *entries(path: string): AsyncGenerator<CopyEntry> {
    using folder = this.#folder(path);
    for await (const { name } of (await opendir(folder.path, { encoding: 'buffer' as never })) as AsyncIterable<
      Dirent<Buffer>
    >) {
      const child = childOf(path, decodeName(name, path));
      yield entryOf(child, lstatSync(Buffer.concat([Buffer.from(`${folder.path}/`), name])));
    }
  }

  async *read(path: string): AsyncGenerator<Uint8Array> {
    using folder = this.#folder(parentOf(path));
    // A fifo that took the file's place would block, a symlink lead elsewhere.
    const how = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
    await using file: FileHandle = await open(`${folder.path}/${nameOf(path)}`, how);
    if (!(await file.stat()).isFile()) throw new CsictlError('FAILED', `${path}: it is not a file any more`);
    while (true) {
      // A buffer of its own each: the reader may keep it.
      const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(chunkBytes), 0, chunkBytes, null);
      if (bytesRead === 0) return;
      yield buffer.subarray(0, bytesRead);
    }
  }

  async readlink(path: string): Promise<string> {
    using folder = this.#folder(parentOf(path));
    return readlinkSync(`${folder.path}/${nameOf(path)}`);
  }

  async write(path: string, content: AsyncIterable<Uint8Array>, { mode }: { mode: number }): Promise<void> {
    // Root may replace a device by a file, and every program that uses it would find that.
    if ((await this.find(path))?.type === 'other')
      throw new CsictlError('FAILED', 'a device, fifo or socket has the name of the copy; it stays as it is');
    using folder = this.#folder(parentOf(path));
    const temporary = `.${nameOf(path).slice(0, 60)}.${systemRng.uuid()}`;
    try {
      using _created = createFileAt(folder, temporary, 0o600);
      await using file = await open(`${folder.path}/${temporary}`, constants.O_WRONLY | constants.O_NOFOLLOW);
      let size = 0;
      for await (const chunk of content) {
        if (!isZero(chunk)) await writeAll(file, chunk, size);
        size += chunk.length;
      }
      await file.truncate(size);
      setModeAt(folder, temporary, mode & 0o777);
      await file.sync();
      renameAt(folder, temporary, folder, nameOf(path));
    } catch (error) {
      removeQuietly(`${folder.path}/${temporary}`);
      throw error;
    }
  }

  async makeDirectory(path: string, mode: number): Promise<void> {
    using folder = this.#folder(parentOf(path));
    // Its owner must be able to fill it.
    makeDirectoryAt(folder, nameOf(path), (mode & 0o777) | 0o700);
    using _isDirectory = this.#folder(path);
  }

  async symlink(path: string, target: string): Promise<void> {
    using folder = this.#folder(parentOf(path));
    symlinkAt(target, folder, nameOf(path));
  }

  [Symbol.dispose](): void {
    this.#root[Symbol.dispose]();
  }

  #folder(path: string): Fd {
    try {
      return openInRoot(this.#root, path, { as: 'directory' });
    } catch (error) {
      if (isErrno(error, 'ELOOP'))
        throw new CsictlError('FAILED', `${path}: a symlink is in the way`, { cause: error });
      throw error;
    }
  }
}

/** A write may take less than it is given. */
async function writeAll(file: FileHandle, chunk: Uint8Array, offset: number): Promise<void> {
  for (let at = 0; at < chunk.length; )
    at += (await file.write(chunk, at, chunk.length - at, offset + at)).bytesWritten;
}

function removeQuietly(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // It was never made.
  }
}

/** @throws CsictlError FAILED – a name that is no UTF-8 cannot be said in a path here. */
function decodeName(name: Buffer, folder: string): string {
  const text = name.toString('utf8');
  if (Buffer.from(text).equals(name)) return text;
  throw new CsictlError('FAILED', `${folder || '.'}: holds a name that is not UTF-8: ${JSON.stringify(text)}`);
}

function entryOf(path: string, stats: Stats): CopyEntry {
  const type = stats.isFile()
    ? 'file'
    : stats.isDirectory()
      ? 'directory'
      : stats.isSymbolicLink()
        ? 'symlink'
        : 'other';
  return { path, type, mode: stats.mode & 0o7777, sizeBytes: stats.size };
}
