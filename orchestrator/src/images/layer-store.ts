import { createHash, type Hash, randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { KeyedMutex, syncDirectory } from '@berth/kit';
import { inspect, isErrno, type Mounter, openRoot, removeTree, syncFilesystem } from '@berth/linux';
import { mountOverlay } from '../runtime/overlay-mount.ts';
import type { ContentStore } from './content-store.ts';
import { decompressed } from './decompressed.ts';
import { extractLayer } from './extract-layer.ts';
import { ImageError } from './image-error.ts';

/** A layer by the digest of its blob and of the tar in it. */
export interface Layer {
  readonly blob: string;
  readonly diffId: string;
}

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
  async ensure(layers: readonly Layer[], signal?: AbortSignal): Promise<string[]> {
    const directories: string[] = [];
    const chain = chainIds(layers.map(({ diffId }) => diffId));
    for (const [index, layer] of layers.entries()) {
      signal?.throwIfAborted();
      const id = chain[index] as string;
      const below = [...directories];
      await this.#unpacking.run(id, () => this.#unpackOnce(id, layer, below));
      directories.push(this.#directory(id));
    }
    return directories;
  }

  /** The directories, or undefined where one is not unpacked. */
  find(diffIds: readonly string[]): string[] | undefined {
    const directories = chainIds(diffIds).map((id) => this.#directory(id));
    return directories.every((directory) => existsSync(directory)) ? directories : undefined;
  }

  /** The layers of an image that are still to be unpacked, for which blobs are needed. */
  missing(layers: readonly Layer[]): Layer[] {
    const chain = chainIds(layers.map(({ diffId }) => diffId));
    return layers.filter((_, index) => !existsSync(this.#directory(chain[index] as string)));
  }

  /** Removes layers that none of `keep` (lists of diff ids) needs, and what a crash left half-unpacked. Nobody else may be unpacking. */
  async prune(keep: readonly (readonly string[])[]): Promise<void> {
    const needed = new Set(keep.flatMap(chainIds).map(shortName));
    await mkdir(this.#folder, { recursive: true });
    for (const name of await readdir(this.#folder)) if (!needed.has(name)) await this.#remove(name);
  }

  #directory(chainId: string): string {
    return join(this.#folder, shortName(chainId), 'fs');
  }

  async #unpackOnce(id: string, layer: Layer, below: readonly string[]): Promise<void> {
    if (existsSync(this.#directory(id))) return;
    const name = `unpacking-${shortName(id)}-${randomUUID().slice(0, 8)}`;
    const work = join(this.#folder, name);
    for (const part of ['fs', 'work', 'merged']) await mkdir(join(work, part), { recursive: true, mode: 0o755 });
    try {
      await this.#unpack(work, layer, below);
      // Before it gets its name: a mount below would go along.
      await this.#remove(name, 'merged');
      await this.#remove(name, 'work');
      await rename(work, join(this.#folder, shortName(id))).catch((error: unknown) => {
        // Another process unpacked the same layer meanwhile; its copy is as good.
        if (!isErrno(error, 'EEXIST', 'ENOTEMPTY')) throw error;
      });
      await syncDirectory(this.#folder);
    } finally {
      await this.#remove(name);
    }
  }

  /** Over an overlay of the layers below, the kernel itself turns deletions into whiteouts and copies what changes. */
  async #unpack(work: string, { blob, diffId }: Layer, below: readonly string[]): Promise<void> {
    const target = join(work, below.length === 0 ? 'fs' : 'merged');
    if (below.length > 0)
      await mountOverlay({ layers: below, upper: join(work, 'fs'), work: join(work, 'work'), target });
    const hash = createHash('sha256');
    {
      using root = openRoot(target);
      await extractLayer(counted(decompressed(this.#content.read(blob)), hash), root);
      await syncFilesystem(root);
    }
    const actual = `sha256:${hash.digest('hex')}`;
    if (actual !== diffId)
      throw new ImageError('Invalid', `layer ${blob} unpacks to ${actual}, not ${diffId} as the image says`);
  }

  /** A directory of the store, or `part` of one, with the overlay that a crash may have left mounted in it. */
  async #remove(name: string, part?: string): Promise<void> {
    this.#unmount(join(this.#folder, name, 'merged'));
    using folder = openRoot(this.#folder);
    if (part === undefined) return await removeTree(folder, name);
    using inside = openRoot(join(this.#folder, name));
    await removeTree(inside, part);
  }

  #unmount(path: string): void {
    try {
      while (inspect(path).isMountRoot) this.#mounter.unmount(path, { lazy: true });
    } catch (error) {
      if (!isErrno(error, 'ENOENT', 'ENOTDIR')) throw error;
    }
  }
}

async function* counted(source: AsyncIterable<Uint8Array>, hash: Hash): AsyncGenerator<Uint8Array> {
  for await (const chunk of source) {
    hash.update(chunk);
    yield chunk;
  }
}

/** The id of each layer with all below it (OCI image spec config.md, ChainID). */
function chainIds(diffIds: readonly string[]): string[] {
  const ids: string[] = [];
  for (const diffId of diffIds) {
    const below = ids.at(-1);
    ids.push(
      below === undefined ? diffId : `sha256:${createHash('sha256').update(`${below} ${diffId}`).digest('hex')}`,
    );
  }
  return ids;
}

/** Short, since all lower directories of an overlay should fit one page of mount options. */
function shortName(chainId: string): string {
  return chainId.slice('sha256:'.length, 'sha256:'.length + 24);
}
