import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, open, readdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough, type Readable } from 'node:stream';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { KeyedMutex, syncDirectory } from '@berth/kit';
import { inspect, isErrno, type Mounter, openRoot, removeTree, syncFilesystem } from '@berth/linux';
import type { ContentStore } from './content-store.ts';
import { extractLayer } from './extract-layer.ts';
import { ImageError } from './image-error.ts';

/**
 * Unpacked layers, each a directory in overlay's own format, shared by all images that have the same layers below it.
 * A layer is named by its chain id, since what it holds depends on what is under it; one that has its name is whole.
 */
export class LayerStore {
  readonly #folder: string;
  readonly #content: ContentStore;
  readonly #mounter: Mounter;
  readonly #unpacking = new KeyedMutex();

  constructor(folder: string, content: ContentStore, mounter: Mounter) {
    this.#folder = folder;
    this.#content = content;
    this.#mounter = mounter;
  }

  /** Directories of the layers, lowest first; those that are missing are unpacked from their blobs. */
  async ensure(layers: readonly { readonly blob: string; readonly diffId: string }[]): Promise<string[]> {
    const directories: string[] = [];
    const chain = chainIds(layers.map(({ diffId }) => diffId));
    for (const [index, { blob, diffId }] of layers.entries()) {
      const id = chain[index] as string;
      const below = [...directories];
      await this.#unpacking.run(id, () => this.#unpackOnce(id, { blob, diffId, below }));
      directories.push(this.#directory(id));
    }
    return directories;
  }

  /** The directories, or undefined where one is not unpacked. */
  find(diffIds: readonly string[]): string[] | undefined {
    const directories = chainIds(diffIds).map((id) => this.#directory(id));
    return directories.every((directory) => existsSync(directory)) ? directories : undefined;
  }

  /** Removes layers that none of `keep` (lists of diff ids) needs, and what a crash left half-unpacked. */
  async prune(keep: readonly (readonly string[])[]): Promise<void> {
    const needed = new Set(keep.flatMap(chainIds).map(shortName));
    await mkdir(this.#folder, { recursive: true });
    using folder = openRoot(this.#folder);
    for (const name of await readdir(this.#folder)) {
      if (needed.has(name)) continue;
      this.#unmount(join(this.#folder, name, 'merged'));
      await removeTree(folder, name);
    }
  }

  #directory(chainId: string): string {
    return join(this.#folder, shortName(chainId), 'fs');
  }

  async #unpackOnce(id: string, layer: { blob: string; diffId: string; below: readonly string[] }): Promise<void> {
    if (existsSync(this.#directory(id))) return;
    const work = join(this.#folder, `unpacking-${shortName(id)}-${process.pid}`);
    for (const name of ['fs', 'work', 'merged']) await mkdir(join(work, name), { recursive: true, mode: 0o755 });
    try {
      await this.#unpack(work, layer);
      await rename(work, join(this.#folder, shortName(id))).catch((error: unknown) => {
        // Another process unpacked the same layer meanwhile; its copy is as good.
        if (!isErrno(error, 'EEXIST', 'ENOTEMPTY')) throw error;
      });
      await syncDirectory(this.#folder);
    } finally {
      this.#unmount(join(work, 'merged'));
      using folder = openRoot(this.#folder);
      await removeTree(folder, `unpacking-${shortName(id)}-${process.pid}`);
    }
  }

  /** Over an overlay of the layers below, the kernel itself turns deletions into whiteouts and copies what changes. */
  async #unpack(
    work: string,
    { blob, diffId, below }: { blob: string; diffId: string; below: readonly string[] },
  ): Promise<void> {
    const merged = join(work, 'merged');
    const target = below.length === 0 ? join(work, 'fs') : merged;
    if (below.length > 0) {
      const options = [
        `lowerdir=${below.toReversed().join(':')}`,
        `upperdir=${join(work, 'fs')}`,
        `workdir=${join(work, 'work')}`,
      ];
      this.#mounter.mount({ fsType: 'overlay', source: 'overlay', target: merged, options });
    }
    const hash = createHash('sha256');
    const plain = decompress(this.#content.read(blob), await firstBytes(this.#content, blob));
    const counted = plain.pipe(new PassThrough());
    plain.on('data', (chunk: Buffer) => hash.update(chunk));
    plain.on('error', (error) => counted.destroy(error));
    {
      using root = openRoot(target);
      await extractLayer(counted, root);
      for await (const _ of counted);
      syncFilesystem(root);
    }
    const actual = `sha256:${hash.digest('hex')}`;
    if (actual !== diffId)
      throw new ImageError('Invalid', `layer ${blob} unpacks to ${actual}, not ${diffId} as the image says`);
  }

  #unmount(path: string): void {
    try {
      if (inspect(path).isMountRoot) this.#mounter.unmount(path, { lazy: true });
    } catch (error) {
      if (!isErrno(error, 'ENOENT')) throw error;
    }
  }
}

/** The id of each layer with all below it (OCI image spec config.md, ChainID). */
export function chainIds(diffIds: readonly string[]): string[] {
  const ids: string[] = [];
  for (const diffId of diffIds) {
    const below = ids.at(-1);
    ids.push(
      below === undefined ? diffId : `sha256:${createHash('sha256').update(`${below} ${diffId}`).digest('hex')}`,
    );
  }
  return ids;
}

/** Short, since all lower directories of an overlay must fit one page of mount options. */
function shortName(chainId: string): string {
  return chainId.slice('sha256:'.length, 'sha256:'.length + 24);
}

async function firstBytes(content: ContentStore, digest: string): Promise<Buffer> {
  await using file = await open(content.path(digest), 'r');
  const { buffer, bytesRead } = await file.read(Buffer.alloc(4), 0, 4, 0);
  return buffer.subarray(0, bytesRead);
}

function decompress(blob: Readable, magic: Buffer): Readable {
  if (magic[0] === 0x1f && magic[1] === 0x8b) return through(blob, createGunzip());
  if (magic.length === 4 && magic.readUInt32LE() === 0xfd2fb528) return through(blob, createZstdDecompress());
  return blob;
}

function through<T extends NodeJS.ReadWriteStream & Readable>(source: Readable, transform: T): T {
  source.on('error', (error) => transform.destroy(error));
  source.pipe(transform);
  return transform;
}
